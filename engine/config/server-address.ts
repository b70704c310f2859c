/** `HOST[:PORT]`, where a client finds its server. */

import { hostName, parseIpv6, port } from './address.ts';
import type { Rule } from './rules.ts';

export interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

export const DEFAULT_PORT = 443;

export const serverAddress: Rule<ServerAddress> = serverAddressWith(DEFAULT_PORT);

/** @param defaultPort What an address without a port means. */
export function serverAddressWith(defaultPort: number): Rule<ServerAddress> {
  return {
    allowed: 'HOST, HOST:PORT, [IPV6] or [IPV6]:PORT, with a port from 1 to 65535, without https:// and without a path',
    parse: (text) => parseServerAddress(text, defaultPort),
  };
}

function parseServerAddress(text: string, defaultPort: number): ServerAddress | undefined {
  // An IPv6 address alone needs no brackets: it cannot be a name with a port.
  if (parseIpv6(text) !== undefined) return { host: text, port: defaultPort };
  const match = /^(?:\[([^\]]*)\]|([^:[\]]+))(?::([0-9]+))?$/.exec(text);
  if (match === null) return undefined;
  const [, literal, name, portText] = match;
  const found = portText === undefined ? defaultPort : port.parse(portText);
  if (found === undefined) return undefined;
  if (literal !== undefined) return parseIpv6(literal) === undefined ? undefined : { host: literal, port: found };
  return hostName.parse(name!) === undefined ? undefined : { host: name!, port: found };
}

/** One spelling per server, for messages and for the list of known servers. */
export function formatServer({ host, port: number }: ServerAddress): string {
  const name = host.toLowerCase().replace(/\.$/, '');
  return name.includes(':') ? `[${name}]:${number}` : `${name}:${number}`;
}
