import { hostName, port as portRule } from '../config/address.ts';
import type { ProxyKind, ProxyOptions } from '../host.ts';

/**
 * Ports of proxies whose URL has none: of HTTP the one that is registered for it as `http-alt` and that most installations
 * use, of SOCKS the registered one (RFC 1928 §3).
 */
export const DEFAULT_PROXY_PORTS: Readonly<Record<ProxyKind, number>> = {
  http: 8080,
  socks4: 1080,
  socks4a: 1080,
  socks5: 1080,
};

const FORM =
  'KIND://HOST or KIND://HOST:PORT with the kind http, socks4, socks4a or socks5, such as socks5://10.0.0.1:1080';

/** Where and what, without who we are to it. */
export type ProxyPlace = Pick<ProxyOptions, 'kind' | 'host' | 'port'>;

export type ProxyUrl =
  | { readonly ok: true; readonly proxy: ProxyPlace }
  /** What is wrong, as a sentence's end. It does not repeat the text: that may hold a password. */
  | { readonly ok: false; readonly problem: string };

/** Reads the URL of a proxy. Credentials in it are refused: every user of the machine can read a program's arguments. */
export function parseProxyUrl(text: string): ProxyUrl {
  const parts = /^([a-z0-9+.-]+):\/\/([^/?#]*)\/?$/i.exec(text.trim());
  if (text.includes('@')) {
    return problem(
      'a user and a password do not belong into the URL, where other programs can read them: ' +
        'give them in the profile, a file or the environment',
    );
  }
  if (parts === null) return problem(`it is not of the form ${FORM}`);
  const kind = parts[1]!.toLowerCase();
  if (!isKind(kind)) return problem(kindProblem(kind));
  // In brackets is an IPv6 address (RFC 3986 §3.2.2).
  const place = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::([^:]*))?$/.exec(parts[2]!);
  if (place === null) return problem(`it is not of the form ${FORM}, with IPv6 addresses in brackets`);
  const [, literal, name, portText] = place;
  const host = hostName.parse(literal ?? name!);
  if (host === undefined || (literal !== undefined) !== host.includes(':')) {
    return problem('its host is neither a name nor an IP address (IPv6 in brackets)');
  }
  const port = portText === undefined ? DEFAULT_PROXY_PORTS[kind] : portRule.parse(portText);
  if (port === undefined) return problem('its port is not a number from 1 to 65535');
  return { ok: true, proxy: { kind, host, port } };
}

function isKind(text: string): text is ProxyKind {
  return Object.hasOwn(DEFAULT_PROXY_PORTS, text);
}

function kindProblem(kind: string): string {
  if (kind === 'https')
    return 'connections to the proxy itself are not encrypted here: use http, the tunnel is TLS inside it';
  if (kind === 'socks' || kind === 'socks5h')
    return 'its kind must be socks4, socks4a or socks5, which looks names up at the proxy';
  return 'its kind must be one of http, socks4, socks4a and socks5';
}

function problem(message: string): ProxyUrl {
  return { ok: false, problem: message };
}
