import type { ProxyOptions } from '../host.ts';
import { parseIpv4, parseIpv6 } from '../pack/ip-text.ts';
import { utf8 } from '../pack/text.ts';
import { Answer } from './answer.ts';
import { failed, GOING, type ProxyCode, type ProxyHandshake, type ProxyStep, type ProxyTarget } from './handshake.ts';

const VERSION = 5;
/** The version of the exchange of user and password has a number of its own (RFC 1929 §2). */
const PASSWORD_VERSION = 1;
const CONNECT = 1;

/** Ways to authenticate (RFC 1928 §3). */
const NO_AUTHENTICATION = 0;
const PASSWORD = 2;
const NONE_ACCEPTABLE = 0xff;

/** Types of addresses (RFC 1928 §5). */
const IPV4 = 1;
const NAME = 3;
const IPV6 = 4;

/** RFC 1928 §6. */
const REPLIES: Readonly<Record<number, readonly [ProxyCode, string]>> = {
  1: ['ERR_PROXY_TARGET', 'the proxy failed: it said 1, "general SOCKS server failure"'],
  2: ['ERR_PROXY_REFUSED', 'the proxy does not allow this: it said 2, "connection not allowed by ruleset"'],
  3: ['ERR_PROXY_TARGET', 'the proxy has no way to the network: it said 3, "network unreachable"'],
  4: ['ERR_PROXY_TARGET', 'the proxy does not reach the host: it said 4, "host unreachable"'],
  5: ['ERR_PROXY_TARGET', 'the host refused the connection of the proxy: it said 5, "connection refused"'],
  6: ['ERR_PROXY_TARGET', 'the proxy got no answer from the host: it said 6, "TTL expired"'],
  7: ['ERR_PROXY_REFUSED', 'the proxy makes no connections: it said 7, "command not supported"'],
  8: ['ERR_PROXY_REFUSED', 'the proxy does not know such addresses: it said 8, "address type not supported"'],
};

/**
 * SOCKS5 (RFC 1928) without credentials or with user and password (RFC 1929); `protocol/control-plane.md` §10. The
 * name is looked up by the proxy.
 */
export class Socks5 implements ProxyHandshake {
  readonly #proxy: ProxyOptions;
  readonly #target: ProxyTarget;
  readonly #answer = new Answer();
  #awaits: 'method' | 'password' | 'reply' = 'method';

  constructor(proxy: ProxyOptions, target: ProxyTarget) {
    this.#proxy = proxy;
    this.#target = target;
  }

  start(): Uint8Array {
    const methods = this.#proxy.user === undefined ? [NO_AUTHENTICATION] : [NO_AUTHENTICATION, PASSWORD];
    return Uint8Array.from([VERSION, methods.length, ...methods]);
  }

  handleBytes(chunk: Uint8Array): ProxyStep {
    this.#answer.push(chunk);
    switch (this.#awaits) {
      case 'method':
        return this.#handleMethod();
      case 'password':
        return this.#handlePassword();
      case 'reply':
        return this.#handleReply();
    }
  }

  #handleMethod(): ProxyStep {
    if (this.#answer.length > 0 && this.#answer.at(0) !== VERSION) return noSocks();
    if (this.#answer.length < 2) return GOING;
    const method = this.#answer.at(1);
    this.#answer.skip(2);
    const { user, password = '' } = this.#proxy;
    if (method === NO_AUTHENTICATION) return this.#request();
    if (method === PASSWORD && user !== undefined) {
      this.#awaits = 'password';
      const [name, secret] = [utf8(user), utf8(password)];
      return going([PASSWORD_VERSION, name.length, ...name, secret.length, ...secret]);
    }
    if (method === NONE_ACCEPTABLE) {
      return failed(
        'ERR_PROXY_CREDENTIALS',
        user === undefined
          ? 'the proxy wants a user name and a password, or a way to authenticate that is not known here'
          : 'the proxy accepts neither a user name with a password nor none',
      );
    }
    return failed('ERR_PROXY_PROTOCOL', `the proxy chose a way to authenticate that was not offered: ${method}`);
  }

  #handlePassword(): ProxyStep {
    if (this.#answer.length < 2) return GOING;
    // Some proxies answer with the version of SOCKS here; the second byte is what counts (RFC 1929 §2).
    const status = this.#answer.at(1);
    this.#answer.skip(2);
    if (status === 0) return this.#request();
    return failed('ERR_PROXY_CREDENTIALS', `the proxy refused the user or the password: it said ${status}`);
  }

  #request(): ProxyStep {
    this.#awaits = 'reply';
    // The proxy waits for the request: what it said already answers nothing.
    if (this.#answer.length > 0) return noSocks();
    const { host, port } = this.#target;
    return going([VERSION, CONNECT, 0, ...destination(host), port >> 8, port & 0xff]);
  }

  #handleReply(): ProxyStep {
    const answer = this.#answer;
    if (answer.length > 0 && answer.at(0) !== VERSION) return noSocks();
    if (answer.length < 2) return GOING;
    // A refusal counts at once: some proxies close without the address behind it.
    const code = answer.at(1);
    if (code !== 0) return refused(code);
    if (answer.length < 5) return GOING;
    const type = answer.at(3);
    const addressBytes = type === IPV4 ? 4 : type === IPV6 ? 16 : type === NAME ? 1 + answer.at(4) : undefined;
    if (addressBytes === undefined) return noSocks();
    const length = 4 + addressBytes + 2;
    if (answer.length < length) return GOING;
    answer.skip(length);
    return { state: 'open', remainder: answer.rest() };
  }
}

/** The type and the bytes of an address or a name of at most 255 bytes. */
function destination(host: string): number[] {
  const v4 = parseIpv4(host);
  if (v4 !== undefined) return [IPV4, ...v4];
  const v6 = parseIpv6(host);
  if (v6 !== undefined) return [IPV6, ...v6];
  const name = utf8(host);
  return [NAME, name.length, ...name];
}

function going(bytes: number[]): ProxyStep {
  return { state: 'going', send: Uint8Array.from(bytes) };
}

function noSocks(): ProxyStep {
  return failed('ERR_PROXY_PROTOCOL', 'what answers is no SOCKS5 proxy');
}

function refused(code: number): ProxyStep {
  const [name, message] = REPLIES[code] ?? [
    'ERR_PROXY_REFUSED',
    `the proxy refused: it said ${code}, which SOCKS5 does not know`,
  ];
  return failed(name, message);
}
