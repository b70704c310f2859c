/** The shape of the server's configuration file. */

import { accessSchema } from './access-schema.ts';
import { hostName, listenPort } from './address.ts';
import { cascadeAdvice, cascadeHolds, cascadeSchema } from './cascade-schema.ts';
import { commonName, groupName, hubName, interfaceName, userName } from './names.ts';
import { passwordHash } from './password-hash.ts';
import { policySchema } from './policy-schema.ts';
import { filePath, logFormat, logLevel, whole, yesOrNo } from './rules.ts';
import { list, named, section, tapKeys, tlsKeys, value } from './schema-parts.ts';
import type { Secrets } from './schema-problems.ts';
import { congestion, priorityRule } from './session-rules.ts';
import { moment, serialNumber } from './user-rules.ts';

/** Hubs that a server takes: what the core has room for. */
export const MAX_HUBS = 1024;
/** TAPs of all hubs of a server together. */
export const MAX_TAPS = 100;
/** Bridged interfaces of all hubs together. */
export const MAX_BRIDGES = 100;

/** Certificate authorities of a hub. Each costs every login by certificate a signature that is checked. */
export const MAX_CAS = 32;

const user = section({
  passwordHash: value(passwordHash).optional(),
  anonymous: value(yesOrNo).optional(),
  certificate: value(filePath).optional(),
  ca: section({ commonName: value(commonName).optional(), serial: value(serialNumber).optional() }).optional(),
  disabled: value(yesOrNo).optional(),
  expires: value(moment).optional(),
  group: value(groupName).optional(),
  policy: policySchema.optional(),
}).refine(
  ({ passwordHash, anonymous, certificate, ca }) =>
    [passwordHash !== undefined, anonymous === true, certificate !== undefined, ca !== undefined].filter(Boolean)
      .length === 1,
  {
    error: 'allowed is exactly one of passwordHash: "…", anonymous: true, certificate: FILE and ca: {…}',
    // An unknown key explains what is missing.
    when: ({ issues }) => issues.length === 0,
  },
);

const hub = section({
  users: named(userName, user, 'users by name').default({}),
  groups: named(groupName, section({ policy: policySchema.optional() }), 'groups by name').default({}),
  cas: list(value(filePath), 0, 'files of certificate authorities').default([]),
  taps: list(section(tapKeys), 0, 'TAPs').default([]),
  bridges: list(section({ interface: value(interfaceName) }), 0, 'interfaces to bridge').default([]),
  stormLimit: value(whole(0, 1_000_000, 'flooded frames per second of one source; 0 is off')).default(32),
  access: accessSchema.optional(),
  cascades: named(hubName, cascadeSchema, 'cascades by name').default({}),
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
const NO_SECRETS = ['anonymous', 'certificate', 'ca', 'disabled', 'expires', 'group', 'policy'];

export const serverSecrets: Secrets = {
  holds: (path, found) => {
    if (path.length < 3 || path[0] !== 'hubs') return false;
    if (path[2] === 'cascades') return cascadeHolds(path, found);
    // Among the users everything that is nothing else may be a password or its hash, also what stands there by mistake.
    return path[2] === 'users' && !NO_SECRETS.includes(String(path[4]));
  },
  advice: (path, key) =>
    path[2] === 'cascades'
      ? cascadeAdvice(path, key)
      : path.length === 5 && path[2] === 'users' && /^(password|passwd|pass|pw|secret)$/i.test(key)
        ? 'passwords are not written here; use passwordHash, with what `etherloom hash-password USER` prints'
        : undefined,
};
