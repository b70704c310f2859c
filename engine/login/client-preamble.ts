import type { Address, Random } from '../host.ts';
import { type HttpEvent, MessageReader } from '../http/message-reader.ts';
import type { PackBuilder } from '../pack/builder.ts';
import { decodePack } from '../pack/decode.ts';
import type { Pack } from '../pack/pack.ts';
import type { ProductInfo } from '../product.ts';
import { buildAdditional, type Direction, readAdditionalReply } from './additional.ts';
import { type ClientLogin, checkLogin, loginRequest, wipeCredential } from './client-login.ts';
import { describeError, ERROR_DISCONNECTED, ERROR_NOT_VPN_SERVER } from './errors.ts';
import { MAX_NOOPS, packResponseLength, writePackRequest, writeSignature } from './exchange.ts';
import { type Hello, readHello } from './hello.ts';
import { buildLogin } from './login-request.ts';
import { Output } from './output.ts';
import { HASH_BYTES, type Sha0 } from './password.ts';
import { Patience } from './patience.ts';
import { readWelcome, type Welcome } from './welcome.ts';

/** A further connection of a session that is there already: `protocol/control-plane.md` §6. */
export interface ClientAttach {
  readonly kind: 'attach';
  /** 20 bytes from the welcome. */
  readonly sessionKey: Uint8Array;
}

export interface ClientPreambleOptions {
  readonly random: Random;
  readonly sha0: Sha0;
  /** Milliseconds since 1970 UTC. */
  readonly utc: () => number;
  readonly product: ProductInfo;
  /** The server, also behind a proxy. */
  readonly remote: Address;
  readonly local: Address;
  readonly purpose: ClientLogin | ClientAttach;
}

/** `remainder` holds what came after the answer: the first bytes of the tunnel. It belongs to the caller. */
export type ClientOutcome =
  | { readonly kind: 'welcome'; readonly welcome: Welcome; readonly hello: Hello; readonly remainder: Uint8Array }
  | { readonly kind: 'attached'; readonly direction: Direction; readonly hello: Hello; readonly remainder: Uint8Array }
  /** The server said no: as in `describeError`. */
  | { readonly kind: 'refused'; readonly code: number; readonly message: string; readonly permanent: boolean }
  /** The connection is of no use. `code` is the local error of `protocol/control-plane.md` §7, if one fits. */
  | { readonly kind: 'failed'; readonly cause: string; readonly code?: number }
  /** A cluster sends its clients on to another server (§5.2), which this client does not support. */
  | { readonly kind: 'redirect' };

/** Bytes that wait to be sent: two requests, the second of at most 64 KiB. */
const MAX_CLIENT_OUTPUT_BYTES = 0x20000;

/**
 * One outgoing connection from the end of its TLS handshake to the start of its tunnel: `protocol/control-plane.md` §1
 * to §6. It does no I/O: bytes and times go in, `pollOutput` and `pollTimeout` say what to do next.
 *
 * After `welcome` and `attached` the tunnel follows; after anything else close the connection.
 */
export class ClientPreamble {
  readonly #options: Omit<ClientPreambleOptions, 'purpose'>;
  readonly #reader = new MessageReader();
  readonly #output = new Output(MAX_CLIENT_OUTPUT_BYTES);
  readonly #patience: Patience;
  readonly #kind: 'login' | 'attach';
  /** Gone once it was sent, because there may be a password in it. */
  #purpose: ClientLogin | ClientAttach | undefined;
  #hello: Hello | undefined;
  #noops = 0;
  #outcome: ClientOutcome | undefined;

  /**
   * Throws a `RangeError` for a purpose that a server would misunderstand.
   *
   * @param now Milliseconds of a clock that does not go back, like every `now`.
   */
  constructor(options: ClientPreambleOptions, now: number) {
    const { purpose, ...rest } = options;
    if (purpose.kind === 'login') checkLogin(purpose, options.product);
    else if (purpose.sessionKey.length !== HASH_BYTES) {
      throw new RangeError(`sessionKey: expected 20 bytes, got ${purpose.sessionKey.length}`);
    }
    this.#options = rest;
    this.#purpose = purpose;
    this.#kind = purpose.kind;
    this.#patience = new Patience(now);
    this.#output.push(writeSignature(options.remote.address));
  }

  /** Undefined as long as the preamble goes on. */
  get outcome(): ClientOutcome | undefined {
    return this.#outcome;
  }

  /** Bytes from the server, any number. After a failure they are ignored, after a success they throw. */
  handleBytes(chunk: Uint8Array, now: number): void {
    if (this.#outcome?.kind === 'welcome' || this.#outcome?.kind === 'attached') {
      throw new Error('handleBytes: expected no call after the answer, whose bytes belong to the tunnel, got one');
    }
    this.#patience.heard(now);
    let rest = chunk;
    while (this.#outcome === undefined && rest.length > 0) {
      const { consumed, event } = this.#reader.read(rest);
      rest = rest.subarray(consumed);
      if (event !== undefined) this.#handleEvent(event, rest);
    }
  }

  /** The server will send nothing more. */
  handleEnd(): void {
    this.#fail('the server closed the connection', ERROR_DISCONNECTED);
  }

  /** Call it when `pollTimeout` has passed; earlier it does nothing. */
  handleTimeout(now: number): void {
    if (now >= this.#patience.deadline) this.#fail('the server took too long', ERROR_DISCONNECTED);
  }

  /** When to call `handleTimeout`, in milliseconds; Infinity when there is nothing to wait for. */
  pollTimeout(): number {
    return this.#outcome === undefined ? this.#patience.deadline : Number.POSITIVE_INFINITY;
  }

  /** The next bytes to send. */
  pollOutput(): Uint8Array | undefined {
    return this.#output.poll();
  }

  #handleEvent(event: HttpEvent, rest: Uint8Array): void {
    switch (event.kind) {
      case 'error':
        this.#fail(event.cause, this.#misread());
        return;
      case 'head': {
        const length = packResponseLength(event.head);
        if (length === undefined) this.#fail('the answer is not one of a VPN server', this.#misread());
        else this.#reader.collect(length);
        return;
      }
      case 'body':
        this.#handleBody(event.bytes, rest);
    }
  }

  #handleBody(body: Uint8Array, rest: Uint8Array): void {
    const decoded = decodePack(body);
    if (!decoded.ok) this.#fail(decoded.cause, this.#misread());
    else if (this.#hello === undefined) this.#handleHello(decoded.pack);
    else this.#handleAnswer(decoded.pack, this.#hello, rest);
  }

  #handleHello(pack: Pack): void {
    if (this.#handleRefusal(pack)) return;
    const hello = readHello(pack);
    if ('cause' in hello) {
      this.#fail(hello.cause, hello.code);
      return;
    }
    this.#hello = hello;
    const { remote, random, utc } = this.#options;
    this.#output.push(writePackRequest(this.#request(hello), remote.address, random, utc()));
    this.#forget();
  }

  #request(hello: Hello): PackBuilder {
    const purpose = this.#purpose!;
    if (purpose.kind === 'login') return buildLogin(loginRequest(purpose, { ...this.#options, hello }));
    const { clientName, version, build } = this.#options.product;
    return buildAdditional({
      sessionKey: purpose.sessionKey,
      clientName,
      clientVersion: version,
      clientBuild: build,
    });
  }

  #handleAnswer(pack: Pack, hello: Hello, rest: Uint8Array): void {
    if (this.#handleRefusal(pack)) return;
    if (pack.int('noop') !== 0) {
      // §1.5: an answer to nothing.
      this.#noops += 1;
      if (this.#noops > MAX_NOOPS) this.#fail('the server sends nothing but noops', ERROR_DISCONNECTED);
    } else if (pack.bool('Redirect')) {
      this.#finish({ kind: 'redirect' });
    } else if (this.#kind === 'login') {
      const welcome = readWelcome(pack);
      if ('cause' in welcome) this.#fail(welcome.cause, welcome.code);
      else this.#finish({ kind: 'welcome', welcome, hello, remainder: rest.slice() });
    } else {
      const reply = readAdditionalReply(pack);
      if ('cause' in reply) this.#fail(reply.cause, reply.code);
      else this.#finish({ kind: 'attached', direction: reply.direction, hello, remainder: rest.slice() });
    }
  }

  #handleRefusal(pack: Pack): boolean {
    const error = pack.int('error');
    if (error === 0) return false;
    const { code, message, permanent } = describeError(error);
    this.#finish({ kind: 'refused', code, message, permanent });
    return true;
  }

  /** What a malformed answer means at this point: §1.5. */
  #misread(): number {
    return this.#hello === undefined ? ERROR_NOT_VPN_SERVER : ERROR_DISCONNECTED;
  }

  #fail(cause: string, code: number): void {
    this.#finish({ kind: 'failed', cause, code });
  }

  /** The first outcome stays. */
  #finish(outcome: ClientOutcome): void {
    this.#outcome ??= outcome;
    this.#forget();
  }

  #forget(): void {
    if (this.#purpose?.kind === 'login') wipeCredential(this.#purpose.credential);
    this.#purpose = undefined;
  }
}
