/** The shape of a cascade in the server's configuration: the session part of a client's profile, under the same names. */

import type * as z from 'zod';
import { DEFAULT_POLICY, type PolicyFlag, type PolicyNumber } from '../login/policy.ts';
import { fingerprint } from './fingerprint.ts';
import { foreignName, hubName } from './names.ts';
import { passwordHash } from './password-hash.ts';
import { policyOf, policySchemaWithout } from './policy-schema.ts';
import { proxyUrl } from './profile-schema.ts';
import { filePath, yesOrNo } from './rules.ts';
import { section, tlsKeys, value } from './schema-parts.ts';
import { serverAddress } from './server-address.ts';
import {
  CASCADE,
  CLIENT_DEFAULTS,
  congestion,
  connectionInterval,
  connectionLifetime,
  connections,
  priorityRule,
} from './session-rules.ts';

/** Cascades of all hubs of a server together, and the TCP connections that they may have (`assembly/memory.ts`). */
export const MAX_CASCADES = 128;
export const MAX_CASCADE_CONNECTIONS = 1024;

/** What cannot be set of a cascade's policy, `protocol/data-plane.md` §6.10. */
export const NOT_FOR_CASCADES: readonly (PolicyFlag | PolicyNumber)[] = [
  'Access',
  'NoBridge',
  'NoRouting',
  'MonitorPort',
  'MaxConnection',
  'TimeOut',
  'FixPassword',
  'MultiLogins',
  'NoQoS',
  'NoRoutingV6',
  'NoSavePassword',
  'AutoDisconnect',
  'NoIPv6DefaultRouterInRAWhenIPv6',
  'Ver3',
];

const policy = policySchemaWithout(NOT_FOR_CASCADES).transform((found) => ({
  // Bridging and routing are always allowed; a hub is no client that could be sent away or cut short.
  ...DEFAULT_POLICY,
  ...policyOf(found),
}));

const session = section({
  server: value(serverAddress).optional(),
  hub: value(foreignName),
  user: value(foreignName).optional(),
  passwordFile: value(filePath).optional(),
  passwordHash: value(passwordHash).optional(),
  plainPassword: value(yesOrNo).optional(),
  anonymous: value(yesOrNo).optional(),
  clientCertificate: value(filePath).optional(),
  clientKey: value(filePath).optional(),
  tls: section(tlsKeys).prefault({}),
  pin: value(fingerprint).optional(),
  ca: value(filePath).optional(),
  insecure: value(yesOrNo).optional(),
  priorityRule: value(priorityRule).default(CLIENT_DEFAULTS.priorityRule),
  congestion: value(congestion).default(CLIENT_DEFAULTS.congestion),
  connections: value(connections).default(CASCADE.connections),
  connectionInterval: value(connectionInterval).default(CLIENT_DEFAULTS.connectionInterval),
  connectionLifetime: value(connectionLifetime).default(CLIENT_DEFAULTS.connectionLifetime),
  halfDuplex: value(yesOrNo).default(false),
  encrypt: value(yesOrNo).default(true),
  compress: value(yesOrNo).default(false),
  proxy: section({ url: proxyUrl, credentialsFile: value(filePath).optional() }).optional(),
  policy: policy.prefault({}),
  online: value(yesOrNo).default(true),
});

const WITHOUT_SERVER = ['hub', 'online'];

export const cascadeSchema = session.superRefine((found, context) => {
  const fail = (key: string | undefined, message: string): void => {
    context.addIssue({ code: 'custom', message, path: key === undefined ? [] : [key] });
  };
  if (found.server === undefined) {
    // Defaults have been filled in: what was written shows only where there are none.
    const session = [
      'user',
      'passwordFile',
      'passwordHash',
      'anonymous',
      'clientCertificate',
      'clientKey',
      'pin',
      'ca',
      'insecure',
      'proxy',
    ] as const;
    for (const key of session) {
      if (found[key] !== undefined)
        fail(key, `without server this is a link inside one server; allowed are ${WITHOUT_SERVER.join(' and ')}`);
    }
    if (hubName.parse(found.hub) === undefined) fail('hub', `allowed is ${hubName.allowed}`);
    return;
  }
  if (found.user === undefined) fail('user', `allowed is ${foreignName.allowed}`);
  const ways = [found.passwordFile, found.passwordHash, found.anonymous || undefined, found.clientCertificate].filter(
    (way) => way !== undefined,
  );
  if (ways.length !== 1) {
    fail(
      undefined,
      'allowed is exactly one of passwordFile: PATH, passwordHash: "…", clientCertificate: PATH and anonymous: true',
    );
  }
  if ((found.clientCertificate === undefined) !== (found.clientKey === undefined))
    fail(undefined, 'allowed are clientCertificate and clientKey together');
  if (found.plainPassword && found.passwordFile === undefined)
    fail('plainPassword', 'a plain password needs passwordFile');
  const trusts = [found.pin, found.ca, found.insecure || undefined].filter((way) => way !== undefined);
  if (trusts.length > 1) fail(undefined, 'allowed is only one of pin, ca and insecure: true');
  if (found.halfDuplex && found.connections < 2)
    fail('connections', 'allowed with half duplex is a whole number from 2 to 32');
});

export type ParsedCascade = z.infer<typeof cascadeSchema>;

/** What is said to those who want to set what is fixed. */
export function cascadeAdvice(path: readonly PropertyKey[], key: string): string | undefined {
  if (path.length === 6 && path[4] === 'policy') {
    const meant = NOT_FOR_CASCADES.find((name) => name.toLowerCase() === key.toLowerCase());
    return meant === undefined ? undefined : `${key} cannot be set for a cascade, which is always let in as a bridge`;
  }
  if (path.length !== 5) return undefined;
  if (/^(reconnect|retr(y|ies))/i.test(key)) {
    return `a cascade tries again every ${CASCADE.reconnectInterval} seconds, without end; that cannot be set`;
  }
  if (/^(bridge|qos)$/i.test(key))
    return `a cascade always has ${key === 'qos' ? 'QoS' : 'bridge mode'}; that cannot be set`;
  if (/^(pass(word|wd)?|pw|secret|credentials?)$/i.test(key)) {
    return 'passwords are not written here; use passwordFile, or passwordHash with what `etherloom hash-password USER` prints';
  }
  return undefined;
}

/** Whether a value of a cascade may hold a secret. */
export function cascadeHolds(path: readonly PropertyKey[], found: unknown): boolean {
  const key = String(path[4] ?? '');
  if (['passwordHash', 'passwordFile', 'password', 'clientKey'].includes(key)) return true;
  return typeof found === 'string' && found.includes('@') && ['proxy', 'server'].includes(key);
}
