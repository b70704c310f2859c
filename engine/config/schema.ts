/** The shape of the server's configuration file. */

import { hostName, listenPort } from './address.ts';
import { hubName, interfaceName, userName } from './names.ts';
import { passwordHash } from './password-hash.ts';
import { filePath, logFormat, logLevel, whole, yesOrNo } from './rules.ts';
import { list, named, section, tapKeys, tlsKeys, value } from './schema-parts.ts';
import type { Secrets } from './schema-problems.ts';
import { congestion, priorityRule } from './session-rules.ts';

/** Hubs that a server takes: what the core has room for. */
export const MAX_HUBS = 1024;
/** TAPs of all hubs of a server together. */
export const MAX_TAPS = 100;
/** Bridged interfaces of all hubs together. */
export const MAX_BRIDGES = 100;

const user = section({
  passwordHash: value(passwordHash).optional(),
  anonymous: value(yesOrNo).optional(),
}).refine((found) => (found.passwordHash !== undefined) !== (found.anonymous === true), {
  error: 'allowed is exactly one of passwordHash: "…" and anonymous: true',
  // An unknown key explains what is missing.
  when: ({ issues }) => issues.length === 0,
});

const hub = section({
  users: named(userName, user, 'users by name').default({}),
  taps: list(section(tapKeys), 0, 'TAPs').default([]),
  bridges: list(section({ interface: value(interfaceName) }), 0, 'interfaces to bridge').default([]),
  stormLimit: value(whole(0, 1_000_000, 'flooded frames per second of one source; 0 is off')).default(32),
});

/** What every node has that owns hubs. */
const node = {
  hubs: named(hubName, hub, 'hubs by name'),
  session: section({
    // `protocol/control-plane.md` §5.1, TimeOut and MaxConnection.
    timeout: value(whole(5, 60, 'seconds')).default(20),
    maxConnections: value(whole(1, 32)).default(32),
    priorityRule: value(priorityRule).default('packetix'),
    congestion: value(congestion).default('auto'),
  }).prefault({}),
  control: section({ socket: value(filePath).optional() }).prefault({}),
  log: section({ level: value(logLevel).optional(), format: value(logFormat).optional() }).prefault({}),
};

export const serverSchema = section({
  listen: list(section({ host: value(hostName).default('0.0.0.0'), port: value(listenPort) }), 1, 'listeners'),
  tls: section({
    certificate: value(filePath).default('server.crt'),
    key: value(filePath).default('server.key'),
    ...tlsKeys,
  }).prefault({}),
  ...node,
});

/** A node that bridges, and that nobody connects to: the same without a listener and its certificate. */
export const bridgeSchema = section(node);

export const serverSecrets: Secrets = {
  /** Among the users everything but `anonymous` may be a password or its hash, also what stands there by mistake. */
  holds: (path) => path.length >= 3 && path[0] === 'hubs' && path[2] === 'users' && path[4] !== 'anonymous',
  advice: (path, key) =>
    path.length === 5 && path[2] === 'users' && /^(password|passwd|pass|pw|secret)$/i.test(key)
      ? 'passwords are not written here; use passwordHash, with what `etherloom hash-password USER` prints'
      : undefined,
};
