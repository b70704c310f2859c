import type { ProxyOptions } from '../host.ts';
import { parseIpv4 } from '../pack/ip-text.ts';
import { utf8 } from '../pack/text.ts';
import { Answer } from './answer.ts';
import { failed, GOING, type ProxyHandshake, type ProxyStep, type ProxyTarget } from './handshake.ts';

const VERSION = 4;
const CONNECT = 1;
const REPLY_BYTES = 8;
const GRANTED = 90;

/** 0.0.0.x with x not zero tells a SOCKS4a proxy that the name follows. */
const NAME_FOLLOWS = [0, 0, 0, 1];

/**
 * SOCKS4, and SOCKS4a for names; `protocol/control-plane.md` §10. With `socks4` the target must be an IPv4 address:
 * who uses this class looks the name up first.
 */
export class Socks4 implements ProxyHandshake {
  readonly #proxy: ProxyOptions;
  readonly #target: ProxyTarget;
  readonly #answer = new Answer();

  constructor(proxy: ProxyOptions, target: ProxyTarget) {
    this.#proxy = proxy;
    this.#target = target;
  }

  start(): Uint8Array {
    const { host, port } = this.#target;
    const address = parseIpv4(host);
    const name = address === undefined ? [...utf8(host), 0] : [];
    const user = utf8(this.#proxy.user ?? '');
    return Uint8Array.from([
      ...[VERSION, CONNECT, port >> 8, port & 0xff],
      ...(address ?? NAME_FOLLOWS),
      ...[...user, 0],
      ...name,
    ]);
  }

  handleBytes(chunk: Uint8Array): ProxyStep {
    this.#answer.push(chunk);
    // The first byte of a reply is 0, not 4.
    if (this.#answer.length > 0 && this.#answer.at(0) !== 0) {
      return failed('ERR_PROXY_PROTOCOL', 'what answers is no SOCKS4 proxy');
    }
    if (this.#answer.length < REPLY_BYTES) return GOING;
    const code = this.#answer.at(1);
    this.#answer.skip(REPLY_BYTES);
    if (code === GRANTED) return { state: 'open', remainder: this.#answer.rest() };
    return refused(code);
  }
}

function refused(code: number): ProxyStep {
  const said = `it said ${code}`;
  switch (code) {
    case 91:
      return failed('ERR_PROXY_TARGET', `the proxy refused, or did not get through: ${said}, "rejected or failed"`);
    case 92:
      return failed('ERR_PROXY_CREDENTIALS', `the proxy wants an identd on this machine: ${said}, "no identd"`);
    case 93:
      return failed('ERR_PROXY_CREDENTIALS', `the proxy refused the user: ${said}, "identd says another user"`);
    default:
      return failed('ERR_PROXY_REFUSED', `the proxy refused: ${said}, which SOCKS4 does not know`);
  }
}
