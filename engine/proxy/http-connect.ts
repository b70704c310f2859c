import { base64 } from '../base64.ts';
import type { ProxyOptions } from '../host.ts';
import { MAX_HEAD_BYTES } from '../http/limits.ts';
import { utf8 } from '../pack/text.ts';
import { failed, GOING, type ProxyHandshake, type ProxyStep, type ProxyTarget, quoted } from './handshake.ts';

const LF = 0x0a;

/** Status codes by which a proxy says whose fault it is; SoftEther takes the same three for wrong credentials (§10). */
const CREDENTIALS = new Set(['401', '403', '407']);
/** RFC 9110 §15.6.3 to §15.6.5: the proxy tried, or could not at the moment. */
const TARGET = new Set(['502', '503', '504']);

/**
 * HTTP CONNECT (RFC 9110 §9.3.6) without credentials or with Basic ones (RFC 7617); `protocol/control-plane.md` §10.
 * The name is looked up by the proxy.
 */
export class HttpConnect implements ProxyHandshake {
  readonly #proxy: ProxyOptions;
  readonly #authority: string;
  /** Bytes of all heads so far. */
  #headBytes = 0;
  #line = '';
  #status: { readonly code: string; readonly line: string } | undefined;
  /** The names of the ways to authenticate that the proxy offers, in lower case. */
  #schemes: string[] = [];

  constructor(proxy: ProxyOptions, target: ProxyTarget) {
    this.#proxy = proxy;
    const host = target.host.includes(':') ? `[${target.host}]` : target.host;
    this.#authority = `${host}:${target.port}`;
  }

  start(): Uint8Array {
    const { user, password = '' } = this.#proxy;
    const lines = [`CONNECT ${this.#authority} HTTP/1.1`, `Host: ${this.#authority}`];
    if (user !== undefined) lines.push(`Proxy-Authorization: Basic ${base64(utf8(`${user}:${password}`))}`);
    return utf8(`${lines.join('\r\n')}\r\n\r\n`);
  }

  handleBytes(chunk: Uint8Array): ProxyStep {
    for (let index = 0; index < chunk.length; index += 1) {
      this.#headBytes += 1;
      if (this.#headBytes > MAX_HEAD_BYTES) {
        return failed('ERR_PROXY_PROTOCOL', `the proxy answered with more than ${MAX_HEAD_BYTES} bytes of headers`);
      }
      if (chunk[index] !== LF) {
        this.#line += String.fromCharCode(chunk[index]!);
        if (this.#status === undefined && !couldBeStatus(this.#line)) return this.#noHttp();
        continue;
      }
      const line = this.#line.endsWith('\r') ? this.#line.slice(0, -1) : this.#line;
      this.#line = '';
      const step = this.#handleLine(line, chunk.subarray(index + 1));
      if (step !== undefined) return step;
    }
    return GOING;
  }

  #handleLine(line: string, behind: Uint8Array): ProxyStep | undefined {
    if (this.#status === undefined) {
      const code = /^HTTP\/1\.[0-9] +([1-5][0-9]{2})(?: |$)/.exec(line)?.[1];
      if (code === undefined) {
        this.#line = line;
        return this.#noHttp();
      }
      this.#status = { code, line };
      return undefined;
    }
    if (line !== '') {
      const scheme = /^proxy-authenticate:[ \t]*([A-Za-z-]+)/i.exec(line)?.[1];
      if (scheme !== undefined) this.#schemes.push(scheme.toLowerCase());
      return undefined;
    }
    const { code, line: said } = this.#status;
    // Another answer follows one of 1xx (RFC 9110 §15.2).
    if (code.startsWith('1')) {
      this.#status = undefined;
      return undefined;
    }
    // No body follows 2xx, whatever its headers say (RFC 9110 §9.3.6).
    if (code.startsWith('2')) return { state: 'open', remainder: behind };
    return this.#refused(code, said);
  }

  #refused(code: string, said: string): ProxyStep {
    if (CREDENTIALS.has(code)) return failed('ERR_PROXY_CREDENTIALS', this.#credentials(code, said));
    if (TARGET.has(code)) {
      return failed('ERR_PROXY_TARGET', `the proxy did not get through to ${this.#authority}: it said ${quoted(said)}`);
    }
    return failed('ERR_PROXY_REFUSED', `the proxy refused: it said ${quoted(said)}`);
  }

  #credentials(code: string, said: string): string {
    if (code === '403') return `the proxy does not allow this: it said ${quoted(said)}`;
    if (this.#schemes.length > 0 && !this.#schemes.includes('basic')) {
      const offered = quoted(this.#schemes.join(', '));
      return `the proxy wants authentication of another kind than Basic (${offered}): it said ${quoted(said)}`;
    }
    const what =
      this.#proxy.user === undefined ? 'wants a user name and a password' : 'refused the user or the password';
    return `the proxy ${what}: it said ${quoted(said)}`;
  }

  #noHttp(): ProxyStep {
    return failed('ERR_PROXY_PROTOCOL', `what answers is no HTTP proxy: it said ${quoted(this.#line)}`);
  }
}

/** So that something that is no HTTP is not waited for until it ends a line. */
function couldBeStatus(line: string): boolean {
  return line.startsWith('HTTP/1.') || 'HTTP/1.'.startsWith(line);
}
