/** `etherloom connect`. */

import type { ClientEnd, ClientOptions, RunningClient } from '../../engine/client/options.ts';
import { COMPRESSION_WARNING } from '../../engine/codec/warning.ts';
import { formatServer, type ServerAddress } from '../../engine/config/server-address.ts';
import { CLIENT_DEFAULTS } from '../../engine/config/session-rules.ts';
import { describeError } from '../../engine/login/errors.ts';
import { parseCertificate } from '../certificate.ts';
import { type ClientCertificate, readClientCertificate } from '../client-certificate.ts';
import { connectReport } from '../connect-report.ts';
import { type ConnectSettings, connectSettings } from '../connect-settings.ts';
import type { Context } from '../context.ts';
import type { Engine } from '../environment.ts';
import type { ExitName } from '../exit-codes.ts';
import { Failure, toFailure } from '../failure.ts';
import { readBounded } from '../files.ts';
import { print } from '../io.ts';
import { knownServers, knownServersFile } from '../known-servers.ts';
import { createLog } from '../log.ts';
import { journalDirectories, recoverMachine } from '../machine-settings.ts';
import { openControl } from '../node-control.ts';
import { nodeNameOf } from '../node-name.ts';
import { PASSWORD_VARIABLE, readPassword } from '../password.ts';
import { requireTaps } from '../platform.ts';
import { completeProxy } from '../proxy-credentials.ts';
import { aborted, type Stop, stopOnSignals } from '../stop.ts';
import { createTerminal, type Terminal } from '../terminal.ts';
import { printable } from '../text.ts';
import { createTrust } from '../trust.ts';
import { type Background, enterBackground } from '../up/background.ts';
import { within } from '../within.ts';
import type { ConnectFlags } from './connect.ts';

export async function runConnect(
  server: ServerAddress | undefined,
  flags: ConnectFlags,
  { environment, io }: Context,
): Promise<void> {
  requireTaps(io, '`etherloom connect` needs a TAP device');
  const stop = stopOnSignals(io);
  let background: Background | undefined;
  try {
    if (flags.background) background = await enterBackground(io, stop.signal);
    await connect(server, flags, { environment, io: background?.io ?? io }, stop, background);
  } catch (thrown) {
    await background?.failed(toFailure(thrown));
    throw thrown;
  } finally {
    await background?.leave();
    stop.dispose();
  }
}

async function connect(
  server: ServerAddress | undefined,
  flags: ConnectFlags,
  { environment, io }: Context,
  stop: Stop,
  background: Background | undefined,
): Promise<void> {
  const settings = await connectSettings(server, flags);
  const { address, hub, user, tap } = settings;
  const name = formatServer(address);
  const log = createLog({
    level: settings.logLevel,
    format: settings.logFormat,
    color: background === undefined && io.stderr.isTTY === true,
    write: background?.write ?? ((text) => print(io.stderr, text)),
  });
  const warn = (message: string) => log('warn', message);
  const terminal = background?.terminal ?? createTerminal(io);
  if (background !== undefined && settings.passwordFile === '-' && !terminal.interactive) throw noStdin();
  const ca = settings.trust.kind === 'ca' ? await readCa(settings.trust.file) : undefined;
  const proxy =
    settings.proxy === undefined ? undefined : await completeProxy({ ...settings.proxy, server: address, io, warn });
  const asking = { io, terminal, warn, signal: stop.signal };
  const certificate =
    settings.certificate === undefined ? undefined : await readClientCertificate(settings.certificate, asking);
  const password = certificate === undefined ? await readCredential(settings, name, asking) : undefined;
  if (!settings.encrypt) {
    warn(
      `encryption is off: only the login at ${name} is encrypted; whoever is in between can read and change every frame`,
    );
  }

  if (settings.compress) warn(COMPRESSION_WARNING);

  const engine = await environment.load();
  recoverMachine(engine.host, io, log);
  const options: ClientOptions = {
    ...address,
    hub,
    user,
    credential: password ?? withKey(certificate!, engine),
    tap,
    ...(settings.machine === undefined ? {} : { settings: { ...settings.machine, journals: journalDirectories(io) } }),
    ca,
    trust: createTrust({
      mode: settings.trust,
      server: name,
      known: knownServers(knownServersFile(io)),
      terminal,
      warn,
      signal: stop.signal,
    }),
    bridge: settings.bridge,
    monitor: settings.monitor,
    qos: settings.qos,
    connections: settings.connections,
    connectionIntervalMs: settings.connectionInterval * 1000,
    connectionLifetimeMs: settings.connectionLifetime * 1000,
    halfDuplex: settings.halfDuplex,
    encrypt: settings.encrypt,
    compress: settings.compress,
    priorityRule: settings.priorityRule,
    congestion: settings.congestion,
    tls: settings.tls,
    proxy,
    reconnectMs: settings.reconnectInterval * 1000,
    reconnectAttempts: settings.reconnectAttempts ?? CLIENT_DEFAULTS.reconnectAttempts,
    stubborn: settings.reconnectAttempts !== undefined,
  };
  const subject = { server: name, hub, user, tap: tap.name };
  const report = background?.report(log, subject) ?? connectReport(flags.json === true, io, subject);
  let client: RunningClient | undefined;
  const control = await openControl({
    role: 'client',
    about: { name: flags.profile === undefined ? undefined : nodeNameOf(flags.profile), log: background?.log },
    status: () => client?.status(),
    stop: () => stop.now('etherloom down'),
    io,
    log,
  });
  let end: ClientEnd | undefined;
  try {
    if (!stop.signal.aborted) {
      report.started(environment.version, control?.path);
      client = engine.startClient(engine.host, options, log, (event) => report.event(event));
      end = await untilEnded(client, stop.signal);
    }
  } finally {
    await control?.close();
  }
  // After a signal every end is the one that was asked for, also that of a question nobody answered.
  report.ended(end === undefined || stop.signal.aborted ? { kind: 'closed', message: `ended by ${stop.by()}` } : end);
  if (end !== undefined && !stop.signal.aborted) throwUnlessClosed(end, options.reconnectAttempts);
}

function withKey({ certificate, keyPem }: ClientCertificate, { host }: Engine): ClientOptions['credential'] {
  // That it is one for RSA was found when it fitted the certificate.
  return { kind: 'certificate', certificate, key: host.certificates.rsaKey(keyPem)! };
}

const CLOSE_MS = 10_000;
const MAX_CA_BYTES = 4 << 20;

async function readCredential(
  settings: ConnectSettings,
  server: string,
  source: Pick<Parameters<typeof readPassword>[0], 'io' | 'terminal' | 'warn' | 'signal'> & { terminal: Terminal },
): Promise<ClientOptions['credential']> {
  if (settings.anonymous) return { kind: 'anonymous' };
  const question = `Password of ${settings.user} at ${server} (empty for an anonymous login): `;
  const password = await readPassword({
    file: settings.passwordFile,
    question,
    ...source,
  });
  // An empty file is a password that went missing; only a person who presses Enter means "none".
  const asked = settings.passwordFile === undefined && source.io.env[PASSWORD_VARIABLE] === undefined;
  if (password === undefined || (asked && password.length === 0)) {
    if (!settings.plainPassword) return { kind: 'anonymous' };
    throw new Failure('usage', '--plain-password needs a password, and there is none', 'give one with --password-file');
  }
  if (password.length === 0) {
    throw new Failure('configuration', 'the password is empty', 'for a login without a password use --anonymous');
  }
  if (settings.plainPassword && password.includes(0)) {
    throw new Failure('configuration', 'the password has a NUL byte, which cannot be sent', 'is it the right file?');
  }
  return { kind: settings.plainPassword ? 'plain' : 'hashed', password };
}

function noStdin(): Failure {
  return new Failure(
    'configuration',
    'the profile reads the password from stdin, and a process in the background has none',
    `name a passwordFile, set ${PASSWORD_VARIABLE}, or call \`etherloom up\` at a terminal`,
  );
}

async function readCa(file: string): Promise<string> {
  const pem = (await readBounded(file, MAX_CA_BYTES, 'the CA file')).toString('utf8');
  parseCertificate(pem, file);
  return pem;
}

async function untilEnded(client: RunningClient, signal: AbortSignal): Promise<ClientEnd> {
  const end = await Promise.race([client.ended, aborted(signal)]);
  if (end !== undefined) return end;
  void client.close();
  return within(CLOSE_MS, client.ended, 'the client did not end its session and its TAP');
}

function throwUnlessClosed({ kind, message, code }: ClientEnd, attempts: number): void {
  const exits: Readonly<Record<ClientEnd['kind'], ExitName>> = {
    closed: 'ok',
    refused: 'refused',
    untrusted: 'untrusted',
    tap: 'tap',
    unreachable: 'unreachable',
    settings: 'settings',
  };
  if (kind === 'closed') return;
  const name = code === undefined ? '' : ` (${describeError(code).name}, error ${code})`;
  // Only attempts that are used up end in this way.
  const hint =
    kind === 'unreachable' && Number.isFinite(attempts)
      ? `no attempt is left: --reconnect-attempts (in a profile, reconnect.attempts) is ${attempts}`
      : undefined;
  throw new Failure(exits[kind], `${printable(message).replace(/\.$/, '')}${name}`, hint);
}
