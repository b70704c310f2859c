/** `HOST[:PORT]`, where a client finds its server. */

import { hostName, parseIpv6, port } from './address.ts';
import type { Rule } from './rules.ts';

export interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

export const DEFAULT_PORT = 443;

export const serverAddress = addressRule(DEFAULT_PORT);

/** `HOST[:PORT]`. @param ports Which ports there may be. */
export function addressRule(defaultPort: number, ports: Rule<number> = port): Rule<ServerAddress> {
  const least = ports.parse('0') === undefined ? 1 : 0;
  return {
    allowed: `HOST, HOST:PORT, [IPV6] or [IPV6]:PORT, with a port from ${least} to 65535, without https:// and without a path`,
    parse(text) {
      // An IPv6 address alone needs no brackets: it cannot be a name with a port.
      if (parseIpv6(text) !== undefined) return { host: text, port: defaultPort };
      const match = /^(?:\[([^\]]*)\]|([^:[\]]+))(?::([0-9]+))?$/.exec(text);
      if (match === null) return undefined;
      const [, literal, name, portText] = match;
      const found = portText === undefined ? defaultPort : ports.parse(portText);
      if (found === undefined) return undefined;
      if (literal !== undefined) return parseIpv6(literal) === undefined ? undefined : { host: literal, port: found };
      return hostName.parse(name!) === undefined ? undefined : { host: name!, port: found };
    },
  };
}

/** One spelling per server, for messages and for the list of known servers. */
export function formatServer({ host, port: number }: ServerAddress): string {
  const name = host.toLowerCase().replace(/\.$/, '');
  return name.includes(':') ? `[${name}]:${number}` : `${name}:${number}`;
}
