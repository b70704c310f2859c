import type { Address, Random } from '../host.ts';
import type { HttpHead } from '../http/head.ts';
import { type HttpEvent, MessageReader } from '../http/message-reader.ts';
import { forbiddenPage, indexPage, notFoundPage, notImplementedPage, type Page, writePage } from '../http/pages.ts';
import { PackBuilder } from '../pack/builder.ts';
import { decodePack } from '../pack/decode.ts';
import { MAX_REQUEST_PACK_BYTES } from '../pack/limits.ts';
import type { Pack } from '../pack/pack.ts';
import type { ProductInfo } from '../product.ts';
import { type AdditionalRequest, buildAdditionalReply, type Direction, readAdditional } from './additional.ts';
import type { Authority, Grant, Peer, Wait } from './authority.ts';
import { ERROR_DISCONNECTED, ERROR_NONE, ERROR_NOT_SUPPORTED, ERROR_PROTOCOL } from './errors.ts';
import {
  isSignature,
  isSignatureLength,
  MAX_NOOPS,
  NOOP,
  NOOP_IGNORE,
  packRequestLength,
  SIGNATURE_TARGET,
  writePackResponse,
} from './exchange.ts';
import { buildHello } from './hello.ts';
import { type LoginRequest, readLogin } from './login-request.ts';
import { Output } from './output.ts';
import { HASH_BYTES } from './password.ts';
import { Patience } from './patience.ts';
import { buildRefusal } from './reply.ts';
import { buildWelcome } from './welcome.ts';

export interface ServerPreambleOptions<Session, Connection> {
  readonly random: Random;
  /** Milliseconds since 1970 UTC. */
  readonly utc: () => number;
  readonly product: ProductInfo;
  readonly authority: Authority<Session, Connection>;
  readonly remote: Address;
  readonly local: Address;
}

/** `remainder` holds what came after the request: the first bytes of the tunnel. It belongs to the caller. */
export type ServerOutcome<Session, Connection> =
  | {
      readonly kind: 'login';
      readonly request: LoginRequest;
      readonly grant: Grant<Session>;
      readonly remainder: Uint8Array;
    }
  | {
      readonly kind: 'attach';
      readonly request: AdditionalRequest;
      readonly direction: Direction;
      readonly token: Connection;
      readonly remainder: Uint8Array;
    }
  /** `code` is what the peer was told, if anything. */
  | { readonly kind: 'closed'; readonly cause: string; readonly code?: number };

const NOTHING = new Uint8Array(0);

/** Requests before and with the signature: `protocol/control-plane.md` §1.4. */
export const MAX_REQUESTS = 19;

/**
 * Bytes that wait to be sent. Ours: all pages, noops and a welcome together stay far below; only a server with
 * thousands of hubs could list more.
 */
export const MAX_SERVER_OUTPUT_BYTES = 0x100000;

/**
 * One incoming connection from the end of its TLS handshake to the start of its tunnel: `protocol/control-plane.md`
 * §1 to §6. It does no I/O: bytes and times go in, `pollOutput` and `pollTimeout` say what to do next.
 *
 * When there is an outcome, send what `pollOutput` still has; for `login` and `attach` the answer is in it and the
 * tunnel follows, for `closed` the connection is closed then.
 */
export class ServerPreamble<Session = unknown, Connection = unknown> {
  readonly #options: ServerPreambleOptions<Session, Connection>;
  readonly #peer: Peer;
  readonly #reader = new MessageReader();
  readonly #output = new Output(MAX_SERVER_OUTPUT_BYTES);
  readonly #patience: Patience;
  readonly #challenge: Uint8Array;
  /** What is expected: the signature, a Pack, or nothing any more but the end. */
  #phase: 'signature' | 'pack' | 'answered' = 'signature';
  /** The target of the request whose body is being read. */
  #target = '';
  #requests = 0;
  #noops = 0;
  /** Whether the client sent the probe, which is a sign of build 9674 or older (§1.6). */
  #probed = false;
  /** What the peer was told. */
  #code: number | undefined;
  #outcome: ServerOutcome<Session, Connection> | undefined;
  /** A login that has to wait. */
  #held: { readonly wait: Wait; readonly request: LoginRequest } | undefined;

  /** @param now Milliseconds of a clock that does not go back, like every `now`. */
  constructor(options: ServerPreambleOptions<Session, Connection>, now: number) {
    this.#options = options;
    this.#peer = { remote: options.remote, local: options.local };
    this.#patience = new Patience(now);
    this.#challenge = options.random(HASH_BYTES);
  }

  /** Undefined as long as the preamble goes on. */
  get outcome(): ServerOutcome<Session, Connection> | undefined {
    return this.#outcome;
  }

  /** Whether a login is being held back: the authority wanted it to wait. */
  get waiting(): boolean {
    return this.#held !== undefined;
  }

  /** Bytes from the peer, any number. After `closed` they are ignored, after another outcome they throw. */
  handleBytes(chunk: Uint8Array, now: number): void {
    if (this.#outcome !== undefined && this.#outcome.kind !== 'closed') {
      throw new Error('handleBytes: expected no call after the login, whose bytes belong to the tunnel, got one');
    }
    this.#patience.heard(now);
    if (this.#held !== undefined) this.#close('the peer went on before its login was answered');
    let rest = chunk;
    while (this.#outcome === undefined && rest.length > 0) {
      const { consumed, event } = this.#reader.read(rest);
      rest = rest.subarray(consumed);
      if (event !== undefined) this.#handleEvent(event, rest, now);
    }
  }

  /** The peer will send nothing more. */
  handleEnd(): void {
    this.#close('the peer closed the connection');
  }

  /** Call it when `pollTimeout` has passed; earlier it does nothing. */
  handleTimeout(now: number): void {
    if (this.#held !== undefined) this.#endWait(now);
    else if (now >= this.#patience.deadline) this.#close('the peer took too long');
  }

  /** When to call `handleTimeout`, in milliseconds; Infinity when there is nothing to wait for. */
  pollTimeout(): number {
    if (this.#outcome !== undefined) return Number.POSITIVE_INFINITY;
    return this.#held?.wait.until ?? this.#patience.deadline;
  }

  /** The next bytes to send. */
  pollOutput(): Uint8Array | undefined {
    return this.#output.poll();
  }

  #handleEvent(event: HttpEvent, rest: Uint8Array, now: number): void {
    if (event.kind === 'error') {
      this.#close(event.cause);
    } else if (this.#phase === 'answered') {
      // §1.7: after an answer there is no second try on this connection.
      this.#close('the peer went on after the answer');
    } else if (event.kind === 'head') {
      if (this.#phase === 'signature') this.#handleRequest(event.head);
      else this.#handlePackHead(event.head);
    } else if (this.#phase === 'signature') {
      this.#handleSignature(event.bytes);
    } else {
      this.#handlePackBytes(event.bytes, rest, now);
    }
  }

  // Before the signature: §1.4 and §1.6.

  #handleRequest(head: HttpHead): void {
    this.#requests += 1;
    if (this.#requests > MAX_REQUESTS) {
      this.#close(`no signature in ${MAX_REQUESTS} requests`);
      return;
    }
    const [method, target] = head.first;
    switch (method) {
      case 'POST':
        this.#handlePost(head, target);
        return;
      case 'GET':
      case 'HEAD':
        this.#probed ||= head.headers.get('x-vpn') !== undefined;
        this.#sendPage(head, target === '/' ? indexPage() : notFoundPage(target));
        return;
      default:
        this.#sendPage(head, notImplementedPage(method));
    }
  }

  #handlePost(head: HttpHead, target: string): void {
    const length = head.contentLength;
    if (!isSignatureLength(length)) {
      // The body stays unread, so that nothing after it can be read either.
      this.#writePage(forbiddenPage(target), false, true);
      this.#close('no signature has this length');
    } else if (target.toLowerCase() !== SIGNATURE_TARGET) {
      this.#sendPage(head, notFoundPage(target));
    } else {
      this.#target = target;
      this.#reader.collect(length);
    }
  }

  #handleSignature(body: Uint8Array): void {
    if (!isSignature(body)) {
      this.#writePage(forbiddenPage(this.#target), false, false);
      return;
    }
    const { serverName, version, build } = this.#options.product;
    this.#phase = 'pack';
    this.#sendPack(buildHello({ server: serverName, version, build, challenge: this.#challenge }));
  }

  /** Answers a request whose body, if any, does not matter. */
  #sendPage(head: HttpHead, page: Page): void {
    const length = head.contentLength ?? 0;
    const last =
      !head.framed || length > MAX_REQUEST_PACK_BYTES || head.headers.get('connection')?.toLowerCase() === 'close';
    this.#writePage(page, head.first[0] === 'HEAD', last);
    if (last) this.#close('a page was the last answer');
    else this.#reader.skip(length);
  }

  // After the signature: §1.5 and the messages of §4 to §6.

  #handlePackHead(head: HttpHead): void {
    const length = packRequestLength(head);
    if (length !== undefined) {
      this.#reader.collect(length);
      return;
    }
    // What is left of this request must not be taken for the next one.
    this.#reader.skip(head.framed ? (head.contentLength ?? 0) : Number.POSITIVE_INFINITY);
    this.#refuse(ERROR_DISCONNECTED);
  }

  #handlePackBytes(body: Uint8Array, rest: Uint8Array, now: number): void {
    const decoded = decodePack(body);
    if (!decoded.ok) this.#refuse(ERROR_DISCONNECTED);
    else if (decoded.pack.int('noop') !== 0) this.#handleNoop(decoded.pack.int('noop'), now);
    else this.#handleMethod(decoded.pack, rest, now);
  }

  #handleNoop(noop: number, now: number): void {
    this.#noops += 1;
    if (this.#noops > MAX_NOOPS) {
      this.#close('the peer waits too long');
      return;
    }
    this.#patience.restart(now);
    if (noop === NOOP_IGNORE) return;
    // Old clients get the answer of an old server, new ones that of a new server, which alone they skip (§1.5).
    this.#sendPack(new PackBuilder().int('error', ERROR_NONE).int('noop', this.#probed ? NOOP : NOOP_IGNORE));
  }

  #handleMethod(pack: Pack, rest: Uint8Array, now: number): void {
    switch (pack.str('method').toLowerCase()) {
      case 'login':
        this.#handleLogin(pack, rest, now);
        return;
      case 'additional_connect':
        this.#handleAdditional(pack, rest);
        return;
      case 'enum_hub':
        this.#handleEnumHub();
        return;
      case 'password':
        this.#refuse(this.#options.authority.changePassword?.(pack.str('hubname')) ?? ERROR_NOT_SUPPORTED);
        return;
      case 'admin':
        // 33 and not 12: the password was not even looked at, and "wrong password" would be a lie (§7).
        this.#refuse(ERROR_NOT_SUPPORTED);
        return;
      default:
        this.#refuse(ERROR_PROTOCOL);
    }
  }

  #handleLogin(pack: Pack, rest: Uint8Array, now: number): void {
    const request = readLogin(pack);
    if ('cause' in request) {
      this.#refuse(request.code);
      return;
    }
    const held = this.#options.authority.hold?.(request, this.#peer, now);
    if (held === undefined) {
      this.#decideLogin(request, rest);
    } else if ('until' in held) {
      this.#held = { wait: held, request };
      // A client has nothing to say before it has the answer.
      if (rest.length > 0) this.#close('the peer went on before its login was answered');
    } else {
      this.#refuse(held.code);
    }
  }

  #decideLogin(request: LoginRequest, rest: Uint8Array): void {
    const answer = this.#options.authority.login(request, this.#challenge.slice(), this.#peer);
    if (!answer.ok) {
      this.#refuse(answer.code, answer.noSavePassword);
      return;
    }
    this.#sendPack(buildWelcome(answer.grant));
    this.#finish({ kind: 'login', request, grant: answer.grant, remainder: rest.slice() });
  }

  #endWait(now: number): void {
    const { wait, request } = this.#held!;
    if (now < wait.until) return;
    this.#held = undefined;
    wait.release();
    // The peer was silent because it was kept waiting.
    this.#patience.restart(now);
    this.#decideLogin(request, NOTHING);
  }

  #handleAdditional(pack: Pack, rest: Uint8Array): void {
    const request = readAdditional(pack);
    if ('cause' in request) {
      this.#refuse(request.code);
      return;
    }
    const answer = this.#options.authority.attach(request.sessionKey, request, this.#peer);
    if (!answer.ok) {
      this.#refuse(answer.code);
      return;
    }
    const { direction, token } = answer;
    this.#sendPack(buildAdditionalReply(direction));
    this.#finish({ kind: 'attach', request, direction, token, remainder: rest.slice() });
  }

  #handleEnumHub(): void {
    const names = this.#options.authority.hubNames();
    this.#phase = 'answered';
    this.#sendPack(new PackBuilder().str('HubName', names).int('NumHub', names.length));
  }

  /** Says no and waits for the peer to close, as real servers do (§1.7). */
  #refuse(code: number, noSavePassword = false): void {
    this.#phase = 'answered';
    this.#code = code;
    this.#sendPack(buildRefusal(code, noSavePassword));
  }

  #sendPack(builder: PackBuilder): void {
    this.#send(writePackResponse(builder, this.#options.random, this.#options.utc()));
  }

  #writePage(page: Page, headOnly: boolean, last: boolean): void {
    this.#send(writePage(page, { utc: this.#options.utc(), headOnly, last }));
  }

  #send(bytes: Uint8Array): void {
    if (!this.#output.push(bytes)) this.#close('the peer does not read its answers');
  }

  #close(cause: string): void {
    this.#finish({ kind: 'closed', cause, ...(this.#code === undefined ? {} : { code: this.#code }) });
  }

  /** The first outcome stays. */
  #finish(outcome: ServerOutcome<Session, Connection>): void {
    this.#outcome ??= outcome;
    this.#held?.wait.release();
    this.#held = undefined;
  }
}
