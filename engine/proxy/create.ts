import type { ProxyKind, ProxyOptions } from '../host.ts';
import { parseIpv4, parseIpv6 } from '../pack/ip-text.ts';
import { utf8 } from '../pack/text.ts';
import type { ProxyHandshake, ProxyTarget } from './handshake.ts';
import { HttpConnect } from './http-connect.ts';
import { Socks4 } from './socks4.ts';
import { Socks5 } from './socks5.ts';

/** The kinds as people call them. */
export const PROXY_NAMES: Readonly<Record<ProxyKind, string>> = {
  http: 'HTTP',
  socks4: 'SOCKS4',
  socks4a: 'SOCKS4a',
  socks5: 'SOCKS5',
};

/** A SOCKS5 field has one byte for its length (RFC 1928 §5, RFC 1929 §2); nobody needs more elsewhere. */
const MAX_FIELD_BYTES = 255;

/** Control characters end fields and lines. */
function holdsControl(text: string): boolean {
  return [...text].some((character) => character < ' ' || character === '\x7f');
}

/**
 * What is wrong with a proxy's options or with going to this target by it, in words that hold no secret; undefined when
 * nothing is.
 */
export function proxyProblem(proxy: ProxyOptions, target?: ProxyTarget): string | undefined {
  const { kind, user, password } = proxy;
  const name = PROXY_NAMES[kind];
  for (const [field, value] of [
    ['user', user],
    ['password', password],
  ] as const) {
    if (value === undefined) continue;
    if (holdsControl(value)) return `the ${field} holds a control character`;
    if (utf8(value).length > MAX_FIELD_BYTES) return `the ${field} has more than ${MAX_FIELD_BYTES} bytes`;
  }
  if (password !== undefined && user === undefined) return 'there is a password without a user';
  if (kind === 'http' && user?.includes(':')) return 'the user holds a colon, which HTTP has no way to say (RFC 7617)';
  if (kind === 'socks5' && user !== undefined && (user === '' || !password)) {
    return 'SOCKS5 knows no empty user and no empty password (RFC 1929)';
  }
  if ((kind === 'socks4' || kind === 'socks4a') && password !== undefined) {
    return `${name} knows a user and no password; use socks5 or http`;
  }
  return target === undefined ? undefined : targetProblem(proxy, target.host);
}

function targetProblem({ kind }: ProxyOptions, host: string): string | undefined {
  if (host === '' || /[^\x21-\x7e]/.test(host) || utf8(host).length > MAX_FIELD_BYTES) {
    return 'the name of the host is no name that a proxy can be told';
  }
  if ((kind === 'socks4' || kind === 'socks4a') && parseIpv6(host) !== undefined) {
    return `${PROXY_NAMES[kind]} knows no IPv6 addresses; use socks5 or http`;
  }
  return undefined;
}

/** Whether this machine has to look the target's name up: `createProxyHandshake` then wants its IPv4 address. */
export function needsLookup(proxy: ProxyOptions, target: ProxyTarget): boolean {
  return proxy.kind === 'socks4' && parseIpv4(target.host) === undefined;
}

/** The handshake for a kind of proxy. Throws when there is a `proxyProblem`, or the name was not looked up. */
export function createProxyHandshake(proxy: ProxyOptions, target: ProxyTarget): ProxyHandshake {
  const problem = proxyProblem(proxy, target);
  if (problem !== undefined) throw new Error(`createProxyHandshake: ${problem}`);
  if (needsLookup(proxy, target)) throw new Error('createProxyHandshake: SOCKS4 wants an IPv4 address, not a name');
  switch (proxy.kind) {
    case 'http':
      return new HttpConnect(proxy, target);
    case 'socks4':
    case 'socks4a':
      return new Socks4(proxy, target);
    case 'socks5':
      return new Socks5(proxy, target);
  }
}
