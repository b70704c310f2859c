/** The shape of the server's configuration file. Every scalar arrives as text; each is read by its rule. */

import * as z from 'zod';
import { hostName, interfaceAddress, listenPort } from './address.ts';
import { hubName, tapName, userName } from './names.ts';
import { passwordHash } from './password-hash.ts';
import { filePath, logFormat, logLevel, mtu, type Rule, whole, yesOrNo } from './rules.ts';

const tap = section({
  name: value(tapName),
  address: z
    .unknown()
    .transform((found) => (typeof found === 'string' ? [found] : found))
    .pipe(list(value(interfaceAddress), 1, 'addresses'))
    .optional(),
  mtu: value(mtu).optional(),
});

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
  taps: list(tap, 0, 'TAPs').default([]),
  stormLimit: value(whole(0, 1_000_000, 'flooded frames per second of one source; 0 is off')).default(32),
});

export const serverSchema = section({
  listen: list(section({ host: value(hostName).default('0.0.0.0'), port: value(listenPort) }), 1, 'listeners'),
  tls: section({ certificate: value(filePath), key: value(filePath) }).default({
    certificate: 'server.crt',
    key: 'server.key',
  }),
  hubs: named(hubName, hub, 'hubs by name'),
  session: section({
    // `protocol/control-plane.md` §5.1, TimeOut and MaxConnection.
    timeout: value(whole(5, 60, 'seconds')).default(20),
    maxConnections: value(whole(1, 32)).default(32),
  }).prefault({}),
  control: section({ socket: value(filePath).optional() }).prefault({}),
  log: section({ level: value(logLevel).optional(), format: value(logFormat).optional() }).prefault({}),
});

function value<T>(rule: Rule<T>) {
  return z.unknown().transform((found, context): T => {
    const parsed = typeof found === 'string' ? rule.parse(found) : undefined;
    if (parsed !== undefined) return parsed;
    context.addIssue({ code: 'custom', message: `allowed is ${rule.allowed}` });
    return z.NEVER;
  });
}

/** A mapping with fixed keys. For an unknown key, the message is the list of the known ones. */
function section<S extends z.ZodRawShape>(shape: S) {
  const keys = Object.keys(shape).join(', ');
  return z.strictObject(shape, {
    error: (issue) => (issue.code === 'unrecognized_keys' ? keys : `allowed is a mapping with the keys ${keys}`),
  });
}

function list<I extends z.ZodType>(item: I, least: number, what: string) {
  const error = `allowed is a list of ${least === 0 ? '' : `at least ${least} of the `}${what}`;
  return z.array(item, { error }).min(least, { error });
}

/** A mapping from names to items. */
function named<I extends z.ZodType>(name: Rule<string>, item: I, what: string) {
  const key = z.string().refine((text) => name.parse(text) !== undefined, { error: `allowed is ${name.allowed}` });
  return z.record(key, item, { error: `allowed is a mapping of ${what}` });
}
