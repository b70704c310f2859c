/** What the schemas of configuration files are made of. Every scalar arrives as text; each is read by its rule. */

import * as z from 'zod';
import { tlsAlgorithm, tlsMinimum, tlsProfile } from '../tls-legacy/choice.ts';
import { interfaceAddress } from './address.ts';
import { tapName } from './names.ts';
import { busyPoll, mtu, type Rule, yesOrNo } from './rules.ts';

export function value<T>(rule: Rule<T>) {
  return z.unknown().transform((found, context): T => {
    const parsed = typeof found === 'string' ? rule.parse(found) : undefined;
    if (parsed !== undefined) return parsed;
    context.addIssue({ code: 'custom', message: `allowed is ${rule.allowed}` });
    return z.NEVER;
  });
}

/** A mapping with fixed keys. For an unknown key, the message is the list of the known ones. */
export function section<S extends z.ZodRawShape>(shape: S) {
  const keys = Object.keys(shape).join(', ');
  return z.strictObject(shape, {
    error: (issue) => (issue.code === 'unrecognized_keys' ? keys : `allowed is a mapping with the keys ${keys}`),
  });
}

export function list<I extends z.ZodType>(item: I, least: number, what: string) {
  const error = `allowed is a list of ${least === 0 ? '' : `at least ${least} of the `}${what}`;
  return z.array(item, { error }).min(least, { error });
}

/** A mapping from names to items. */
export function named<I extends z.ZodType>(name: Rule<string>, item: I, what: string) {
  const key = z.string().refine((text) => name.parse(text) !== undefined, { error: `allowed is ${name.allowed}` });
  return z.record(key, item, { error: `allowed is a mapping of ${what}` });
}

/** Which TLS a side speaks. */
export const tlsKeys = {
  profile: value(tlsProfile).optional(),
  algorithms: list(value(tlsAlgorithm), 1, 'algorithms').optional(),
  minimum: value(tlsMinimum).optional(),
};

/** The keys of a TAP: its address may be one text or a list of them. */
export const tapKeys = {
  name: value(tapName),
  address: z
    .unknown()
    .transform((found) => (typeof found === 'string' ? [found] : found))
    .pipe(list(value(interfaceAddress), 1, 'addresses'))
    .optional(),
  mtu: value(mtu).optional(),
  busyPoll: value(busyPoll).optional(),
  offload: value(yesOrNo).optional(),
};
