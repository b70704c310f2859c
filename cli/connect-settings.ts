/** What `etherloom connect` shall do: its options, in front of the profile, in front of the defaults. */

import * as path from 'node:path';
import { foreignName, tapName } from '../engine/config/names.ts';
import { type ConnectProfile, parseConnectProfile } from '../engine/config/profile.ts';
import { type ServerAddress, serverAddress } from '../engine/config/server-address.ts';
import type { LogFormat, LogLevelName } from '../engine/config/server-config.ts';
import { CLIENT_DEFAULTS, halfDuplexConnections } from '../engine/config/session-rules.ts';
import type { PriorityRule } from '../engine/core.ts';
import type { TapPortOptions } from '../engine/node.ts';
import type { ProxyPlace } from '../engine/proxy/url.ts';
import type { Congestion } from '../engine/session/congestion.ts';
import { chooseTls, type TlsChoice } from '../engine/tls-legacy/choice.ts';
import type { ClientCertificateFiles } from './client-certificate.ts';
import type { ConnectFlags } from './commands/connect.ts';
import { type ConfigFile, invalidConfig, readConfigFile } from './config-file.ts';
import { Failure } from './failure.ts';
import { checkedSettings, type WantedSettings } from './machine-settings.ts';
import type { TrustMode } from './trust.ts';

export interface ConnectSettings {
  readonly address: ServerAddress;
  readonly hub: string;
  readonly user: string;
  /** `-` is stdin. */
  readonly passwordFile?: string;
  readonly plainPassword: boolean;
  readonly anonymous: boolean;
  /** In place of a password. */
  readonly certificate?: ClientCertificateFiles;
  readonly tap: TapPortOptions;
  /** Absent: nothing is set in the machine besides. */
  readonly machine?: WantedSettings;
  readonly trust: TrustMode;
  readonly tls: TlsChoice;
  readonly bridge: boolean;
  readonly monitor: boolean;
  readonly qos: boolean;
  readonly priorityRule: PriorityRule;
  readonly congestion: Congestion;
  readonly connections: number;
  /** Seconds. */
  readonly connectionInterval: number;
  /** Seconds; Infinity: off. */
  readonly connectionLifetime: number;
  readonly halfDuplex: boolean;
  readonly encrypt: boolean;
  readonly compress: boolean;
  /** Seconds. */
  readonly reconnectInterval: number;
  /** Undefined: nobody said; Infinity: unlimited. */
  readonly reconnectAttempts?: number;
  readonly proxy?: { readonly place: ProxyPlace; readonly credentialsFile?: string };
  readonly logLevel: LogLevelName;
  readonly logFormat: LogFormat;
}

export async function connectSettings(
  server: ServerAddress | undefined,
  flags: ConnectFlags,
): Promise<ConnectSettings> {
  const source = await readProfile(flags.profile);
  const { profile } = source;
  const connections = flags.connections ?? profile.connections ?? CLIENT_DEFAULTS.connections;
  const halfDuplex = flags.halfDuplex ?? profile.halfDuplex ?? false;
  if (halfDuplex) checkHalfDuplex(connections, flags, source);
  return {
    ...needed(server, flags, source),
    machine: checkedSettings(flags, source),
    ...credentials(flags, source),
    trust: trustMode(flags, profile),
    tls: tlsChoice(flags, source),
    bridge: flags.bridge ?? profile.bridge ?? false,
    monitor: flags.monitor ?? profile.monitor ?? false,
    qos: flags.qos ?? profile.qos ?? true,
    priorityRule: flags.priorityRule ?? profile.priorityRule ?? CLIENT_DEFAULTS.priorityRule,
    congestion: flags.congestion ?? profile.congestion ?? CLIENT_DEFAULTS.congestion,
    connections,
    connectionInterval: flags.connectionInterval ?? profile.connectionInterval ?? CLIENT_DEFAULTS.connectionInterval,
    connectionLifetime: flags.connectionLifetime ?? profile.connectionLifetime ?? CLIENT_DEFAULTS.connectionLifetime,
    halfDuplex,
    encrypt: flags.encrypt ?? profile.encrypt ?? true,
    compress: flags.compress ?? profile.compress ?? false,
    reconnectInterval: flags.reconnectInterval ?? profile.reconnect.interval ?? CLIENT_DEFAULTS.reconnectInterval,
    reconnectAttempts: flags.reconnectAttempts ?? profile.reconnect.attempts,
    proxy: proxyOf(flags, profile),
    logLevel: flags.logLevel ?? profile.log.level ?? 'info',
    logFormat: flags.logFormat ?? profile.log.format ?? 'text',
  };
}

/** A profile, or what stands for it when there is none. */
export interface Source {
  readonly profile: ConnectProfile;
  /** Absent without a profile. */
  readonly invalid?: (path: readonly PropertyKey[], ...messages: readonly string[]) => Failure;
}

async function readProfile(file: string | undefined): Promise<Source> {
  if (file === undefined) return { profile: { tap: {}, tls: {}, reconnect: {}, log: {} } };
  const source: ConfigFile = { file, what: 'the profile', command: 'etherloom connect' };
  const { profile, problem } = await readConfigFile(source, parseConnectProfile);
  const directory = path.dirname(path.resolve(file));
  const absolute = (found: string | undefined) => (found === undefined ? undefined : path.resolve(directory, found));
  const { passwordFile, proxy } = profile;
  return {
    profile: {
      ...profile,
      passwordFile: passwordFile === '-' ? passwordFile : absolute(passwordFile),
      clientCertificate: absolute(profile.clientCertificate),
      clientKey: absolute(profile.clientKey),
      ca: absolute(profile.ca),
      proxy: proxy && { ...proxy, credentialsFile: absolute(proxy.credentialsFile) },
    },
    invalid: (at, ...messages) =>
      invalidConfig(
        source,
        messages.map((message) => problem(at, message)),
      ),
  };
}

/** What has no default: from the command line or from the profile. */
function needed(
  server: ServerAddress | undefined,
  flags: ConnectFlags,
  { profile, invalid }: Source,
): Pick<ConnectSettings, 'address' | 'hub' | 'user' | 'tap'> {
  const need = <T>(found: T | undefined, key: readonly string[], allowed: string, option: string): T => {
    if (found !== undefined) return found;
    if (invalid !== undefined) {
      throw invalid(key, `missing; allowed is ${allowed}; or give ${option} on the command line`);
    }
    const missing = option.startsWith('--')
      ? `required option '${option}' not specified`
      : `missing required ${option}`;
    throw new Failure('usage', missing, 'give it, or name a --profile that has it; --help shows all options');
  };
  return {
    address: need(server ?? profile.server, ['server'], serverAddress.allowed, "argument 'server'"),
    hub: need(flags.hub ?? profile.hub, ['hub'], foreignName.allowed, '--hub <name>'),
    user: need(flags.user ?? profile.user, ['user'], foreignName.allowed, '--user <name>'),
    tap: {
      name: need(flags.tap ?? profile.tap.name, ['tap', 'name'], tapName.allowed, '--tap <name>'),
      addresses: flags.address ?? profile.tap.address ?? [],
      mtu: flags.mtu ?? profile.tap.mtu,
      busyPollUs: flags.busyPoll ?? profile.tap.busyPoll,
      offload: flags.offload ?? profile.tap.offload,
      ...(profile.tap.mac === undefined ? {} : { mac: profile.tap.mac }),
    },
  };
}

/** What the command line says of the login replaces what contradicts it in the profile. */
function credentials(
  flags: ConnectFlags,
  source: Source,
): Pick<ConnectSettings, 'passwordFile' | 'plainPassword' | 'anonymous' | 'certificate'> {
  const { profile } = source;
  if (flags.anonymous) return { anonymous: true, plainPassword: false };
  const withPassword = flags.passwordFile !== undefined || flags.plainPassword === true;
  const certificate = withPassword ? undefined : certificateFiles(flags, source);
  if (certificate !== undefined) return { anonymous: false, plainPassword: false, certificate };
  if (flags.clientKey !== undefined) {
    throw new Failure('usage', '--client-key belongs to a certificate, and there is none', NAME_CERTIFICATE);
  }
  return {
    anonymous: !withPassword && profile.anonymous === true,
    passwordFile: flags.passwordFile ?? profile.passwordFile,
    plainPassword: flags.plainPassword ?? profile.plainPassword ?? false,
  };
}

const NAME_CERTIFICATE = 'name it with --client-certificate FILE (in a profile, clientCertificate)';

/** A certificate on the command line needs its key there too: the one in the profile belongs to another one. */
function certificateFiles(flags: ConnectFlags, { profile, invalid }: Source): ClientCertificateFiles | undefined {
  const own = flags.clientCertificate !== undefined;
  const certificateFile = flags.clientCertificate ?? profile.clientCertificate;
  const keyFile = flags.clientKey ?? (own ? undefined : profile.clientKey);
  if (certificateFile !== undefined && keyFile !== undefined) return { certificateFile, keyFile };
  if (certificateFile === undefined) {
    if (profile.clientKey === undefined || flags.clientKey !== undefined || invalid === undefined) return undefined;
    throw invalid(['clientKey'], `belongs to a certificate, and there is none; ${NAME_CERTIFICATE}`);
  }
  if (!own && invalid !== undefined) {
    throw invalid(
      ['clientCertificate'],
      'its private key is missing; name it with clientKey: FILE, or --client-key FILE',
    );
  }
  throw new Failure(
    'usage',
    '--client-certificate needs the private key, and there is none',
    'name it with --client-key FILE',
  );
}

/** A way to trust on the command line replaces the one in the profile. */
function trustMode(flags: ConnectFlags, profile: ConnectProfile): TrustMode {
  const chosen = flags.pin !== undefined || flags.ca !== undefined || flags.insecure === true ? flags : profile;
  if (chosen.pin !== undefined) return { kind: 'pin', fingerprint: chosen.pin };
  if (chosen.ca !== undefined) return { kind: 'ca', file: chosen.ca };
  return chosen.insecure === true ? { kind: 'insecure' } : { kind: 'known' };
}

/** A profile or algorithms on the command line replace both in the profile; its minimum stays, if it goes with them. */
function tlsChoice(flags: ConnectFlags, { profile, invalid }: Source): TlsChoice {
  const own = flags.tlsProfile !== undefined || flags.tlsAlgorithms !== undefined;
  const { profile: name, algorithms } = own
    ? { profile: flags.tlsProfile, algorithms: flags.tlsAlgorithms }
    : profile.tls;
  const minimum = flags.minTls ?? profile.tls.minimum;
  let chosen = chooseTls({ profile: name, algorithms, minimum }, 'client');
  // A minimum of the file that is lower than all that was asked for says nothing any more; a higher one does.
  if (!chosen.ok && own && chosen.key === 'minimum' && flags.minTls === undefined) {
    const without = chooseTls({ profile: name, algorithms }, 'client');
    if (without.ok && without.choice.modern !== undefined) chosen = without;
  }
  if (chosen.ok) return chosen.choice;
  const { key, problem } = chosen;
  const flag = key === 'minimum' ? flags.minTls !== undefined : own;
  if (!flag && invalid !== undefined) throw invalid(['tls', key], problem);
  const option = {
    profile: '--tls-profile <name>',
    algorithms: '--tls-algorithms <list>',
    minimum: '--min-tls <version>',
  };
  throw new Failure('usage', `option '${option[key]}' is invalid: ${problem}`);
}

function proxyOf(flags: ConnectFlags, profile: ConnectProfile): ConnectSettings['proxy'] {
  const { proxy, proxyCredentialsFile } = flags;
  const place = proxy === false ? undefined : (proxy ?? profile.proxy?.url);
  if (place === undefined) {
    if (proxyCredentialsFile === undefined) return undefined;
    throw new Failure(
      'usage',
      '--proxy-credentials-file belongs to a proxy, and there is none',
      'name one with --proxy URL',
    );
  }
  // The credentials for one proxy are not for another one.
  const own = proxy === undefined ? profile.proxy?.credentialsFile : undefined;
  return { place, credentialsFile: proxyCredentialsFile ?? own };
}

/** With one connection there is nothing for one of the directions. The message is about who said what does not fit. */
function checkHalfDuplex(connections: number, flags: ConnectFlags, { profile, invalid }: Source): void {
  const text = String(connections);
  if (halfDuplexConnections.parse(text) !== undefined) return;
  const { allowed } = halfDuplexConnections;
  if (flags.connections === undefined && invalid !== undefined) {
    if (profile.connections !== undefined) {
      throw invalid(['connections'], `found "${text}"; allowed with half duplex is ${allowed}`);
    }
    if (flags.halfDuplex === undefined) {
      throw invalid(
        ['halfDuplex'],
        `found "true"; needs connections, which is ${text} when absent; allowed is ${allowed}`,
      );
    }
  }
  throw new Failure(
    'usage',
    `option '--connections <count>' ${flags.connections === undefined ? 'is absent, which means' : 'argument'} '${text}' is invalid with half duplex. Allowed is ${allowed}.`,
    'each connection then carries frames in one direction only',
  );
}
