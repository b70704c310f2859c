/** Names of hubs, users and TAPs (`protocol/control-plane.md` §9). */

import type { Rule } from './rules.ts';

/** The name of a Virtual Hub. */
export const hubName: Rule<string> = {
  allowed: '1 to 255 letters, digits, spaces and ()-_#%&. that neither start nor end with a space or a dot',
  parse: (text) => (isSafe(text, /^[A-Za-z0-9 ()\-_#%&.]{1,255}$/) ? text : undefined),
};

/** The name of a user of a hub. */
export const userName: Rule<string> = {
  allowed:
    '1 to 255 letters, digits, spaces and ()-_#%&.@ that neither start nor end with a space or a dot; ' +
    'reserved are link, Cascade, SecureNAT, LocalBridge, administrator and all that starts with L3SW_; ' +
    '* would be all whom a RADIUS server or an NT domain knows, and neither is asked here',
  parse: (text) => (isSafe(text, /^[A-Za-z0-9 ()\-_#%&.@]{1,255}$/) && !isReservedUserName(text) ? text : undefined),
};

/** The name of a group of users. */
export const groupName: Rule<string> = {
  allowed: '1 to 255 letters, digits, spaces and ()-_#%&.@ that neither start nor end with a space or a dot',
  parse: (text) => (isSafe(text, /^[A-Za-z0-9 ()\-_#%&.@]{1,255}$/) ? text : undefined),
};

/** The common name of a certificate (RFC 5280, ub-common-name, with room for those who do not keep to it). */
export const commonName: Rule<string> = {
  allowed: 'the common name (CN) of a certificate: 1 to 255 characters, without control characters',
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused.
  parse: (text) => (/^[^\u0000-\u001f\u007f]{1,255}$/.test(text) ? text : undefined),
};

/** The name of a TAP device. */
export const tapName: Rule<string> = {
  allowed: '1 to 15 letters, digits and -_. that start with a letter, a digit or _; reserved are lo, all and default',
  // The kernel takes more, but `/` and `%` mean something to it and a leading `-` to every tool; `all` and `default`
  // are folders of /proc/sys/net.
  parse: (text) =>
    /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$/.test(text) && !['lo', 'all', 'default'].includes(text) ? text : undefined,
};

/** The name of an interface of this host. */
export const interfaceName: Rule<string> = {
  allowed: '1 to 15 letters, digits and -_. that start with a letter, a digit or _, as "ip link" shows it',
  parse: (text) => (/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$/.test(text) ? text : undefined),
};

/** A hub or a user as another side calls it: that side judges names, and only what cannot be one is refused here. */
export const foreignName: Rule<string> = {
  allowed: '1 to 255 characters, not only blanks, without control characters',
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused.
  parse: (text) => (/^[^\u0000-\u001f\u007f]{1,255}$/.test(text) && text.trim() !== '' ? text : undefined),
};

/** One spelling for all names that are the same: they are when they differ in case only (`protocol/control-plane.md` §4.1). */
export function foldName(name: string): string {
  return name.toLowerCase();
}

const RESERVED_USERS = ['link', 'cascade', 'securenat', 'localbridge', 'local bridge', 'administrator'];
const LAYER_3_PREFIX = 'l3sw_';

function isReservedUserName(name: string): boolean {
  const lower = name.toLowerCase();
  return RESERVED_USERS.includes(lower) || lower.startsWith(LAYER_3_PREFIX);
}

function isSafe(text: string, pattern: RegExp): boolean {
  // `__proto__` is no name of SoftEther's to refuse, but a key that JavaScript treats in a way of its own.
  return pattern.test(text) && !/^[ .]|[ .]$/.test(text) && text !== '__proto__';
}
