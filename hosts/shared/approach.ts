import { promises as dns } from 'node:dns';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Address, ChannelHandler, ChannelSecurity, ConnectOptions, TlsEndpoint } from '../../engine/host.ts';
import { createProxyHandshake, needsLookup, proxyProblem } from '../../engine/proxy/create.ts';
import type { ProxyTarget } from '../../engine/proxy/handshake.ts';
import { plainAddress } from './address.ts';
import { checkAuthorities } from './authorities.ts';
import { distrustOf } from './certificates.ts';
import { type PlainWire, type Wire, WireChannel } from './channel.ts';
import { EngineTls } from './engine-tls.ts';
import { HostFailure } from './error.ts';
import { LeavableTls } from './leavable-tls.ts';
import { connectFailure } from './network-errors.ts';
import { ProxyWalk } from './proxy-walk.ts';
import { describeProxy, describeRoute } from './route.ts';
import { describeSecurity } from './security.ts';

/** Who is told how a TCP connection that is being opened turned out. */
export interface Dialled {
  connected(plain: PlainWire): void;
  fail(error: unknown): void;
}

/** What a runtime does for a connection that is being made. */
export interface Dialer {
  /**
   * Opens a TCP connection; `approach.connected` or `approach.fail` follows. May throw.
   * @returns Gives the attempt up, where the runtime can. The approach does not mind calls that come all the same.
   */
  dial(host: string, port: number, approach: Dialled): () => void;
  /**
   * Starts TLS right on the connection; `approach.secured` or `approach.fail` follows. `plain` is the dialer's from now
   * on. May throw.
   * @returns Gives the attempt up.
   */
  startTls(plain: PlainWire, approach: Approach): () => void;
  /** Starts TLS on a stream. May throw. */
  startTlsOver(stream: Duplex, approach: Approach): TLSSocket;
}

/** Addresses of one name that are tried. */
const ADDRESSES_MAX = 8;

/** The error of a connection that was reset so early that the system does not say so. */
export const RESET: Error = Object.assign(new Error('connection reset'), { code: 'ECONNRESET' });

/**
 * A connection that is being made, step by step: TCP to the target or to the proxy, the handshake with the proxy, TLS.
 * What goes wrong is said of the step it went wrong in. Until the channel is open this is its wire, or the step is.
 */
export class Approach implements Wire, Dialled {
  readonly options: ConnectOptions;
  readonly channel: WireChannel;
  readonly busy = true;
  readonly #dialer: Dialer;
  readonly #timer: ReturnType<typeof setTimeout>;
  #step: 'tcp' | 'proxy' | 'tls' | 'over' = 'tcp';
  /** Where the proxy is to connect to. */
  #target: ProxyTarget;
  #cancel: () => void = () => undefined;
  /** Addresses of the next hop that have not been tried yet; only where the engine keeps the route there. */
  #addresses: readonly string[] = [];

  constructor(options: ConnectOptions, handler: ChannelHandler, dialer: Dialer) {
    this.options = options;
    this.#dialer = dialer;
    const { host, port, timeoutMs } = options;
    this.channel = new WireChannel({ address: host, port }, describeRoute(options));
    this.channel.attach(this, handler);
    this.#target = { host, port };
    this.#timer = setTimeout(() => {
      this.#addresses = [];
      this.fail({ code: 'ETIMEDOUT' });
    }, timeoutMs);
    this.#start().catch((error: unknown) =>
      this.#give(
        error instanceof HostFailure && error.doing === 'settings'
          ? error
          : connectFailure(describeRoute(options), error),
      ),
    );
  }

  /** Whether it came to an end, good or bad: whoever still has a connection for it throws that away. */
  get over(): boolean {
    return this.#step === 'over';
  }

  // What the channel calls before it is open.

  write(): number {
    return 0;
  }

  pause(): void {}

  resume(): void {}

  end(): void {}

  destroy(): void {
    this.#finish(() => this.channel.ended(undefined));
  }

  // What the steps call.

  /** TCP is up. */
  connected(plain: PlainWire): void {
    if (this.over) return plain.destroy();
    this.#cancel = () => plain.destroy();
    const { proxy } = this.options;
    if (proxy === undefined) return this.#secure(plain, undefined);
    this.#step = 'proxy';
    const handshake = createProxyHandshake(proxy, this.#target);
    new ProxyWalk(plain, handshake, {
      through: (remainder) => this.#secure(plain, remainder),
      refused: ({ code, message }) => this.#refuse(code, message),
      lost: (error) => this.fail(error),
    });
  }

  /** TLS is up. Returns whether somebody still wants it. */
  secured(security: ChannelSecurity, local: Address, remote: Address): boolean {
    if (this.over) return false;
    const { minimum } = this.options;
    if (minimum === 'TLSv1.3' && security.protocol !== minimum) {
      const offered = `the server has ${security.protocol} at most, and the minimum here is ${minimum}`;
      this.#refuse('TLS_PROTOCOL_VERSION', offered);
      return false;
    }
    this.#step = 'over';
    clearTimeout(this.#timer);
    this.channel.opened(security, local, remote);
    return true;
  }

  /** @param error What the runtime said, or a `HostFailure` whose message is the reason alone. */
  fail(error: unknown): void {
    if (this.over) return;
    const { proxy } = this.options;
    const [next, ...others] = this.#addresses;
    if (this.#step === 'tcp' && next !== undefined) {
      this.#addresses = others;
      this.#dialAddress(next);
      return;
    }
    const late = (error as { code?: unknown } | null | undefined)?.code === 'ETIMEDOUT';
    if (this.#step === 'proxy' && late) {
      this.#refuse('ETIMEDOUT', 'the proxy did not answer in time');
    } else {
      const place = this.#step === 'tcp' && proxy ? describeProxy(proxy) : describeRoute(this.options);
      this.#give(connectFailure(place, error ?? { code: 'EPROTO' }));
    }
  }

  async #start(): Promise<void> {
    const { host, port, proxy, ca } = this.options;
    if (ca !== undefined) checkAuthorities(ca);
    if (proxy === undefined) return this.#approach(host, port);
    const problem = proxyProblem(proxy, this.#target);
    if (problem !== undefined) return this.#refuse('ERR_PROXY_OPTIONS', problem);
    if (needsLookup(proxy, this.#target)) {
      const { address } = await dns.lookup(host, { family: 4 });
      this.#target = { host: address, port };
    }
    return this.#approach(proxy.host, proxy.port);
  }

  /** To the next hop: by its name, or by addresses that the engine knows before a packet leaves for them. */
  async #approach(host: string, port: number): Promise<void> {
    const { way } = this.options;
    if (way === undefined) return this.#dial(host, port);
    const found =
      way.known.length > 0 ? way.known : (await dns.lookup(host, { all: true })).map((each) => each.address);
    const [first = host, ...others] = found.map(plainAddress).slice(0, ADDRESSES_MAX);
    if (this.over) return;
    way.found([first, ...others]);
    this.#addresses = others;
    this.#dialAddress(first);
  }

  #dialAddress(address: string): void {
    try {
      this.#dial(address, (this.options.proxy ?? this.options).port);
    } catch (error) {
      this.fail(error);
    }
  }

  #dial(host: string, port: number): void {
    if (!this.over) this.#cancel = this.#dialer.dial(host, port, this);
  }

  #secure(plain: PlainWire, remainder: Uint8Array | undefined): void {
    this.#step = 'tls';
    const early = remainder !== undefined && remainder.length > 0;
    try {
      if (this.options.tls !== undefined) return this.#secureByEngine(plain, this.options.tls(), remainder);
      // Nothing that has been read already can be handed to TLS right on the socket.
      if (this.options.bare || early) this.#secureOver(plain, remainder);
      else this.#cancel = this.#dialer.startTls(plain, this);
    } catch (error) {
      this.fail(error);
    }
  }

  #secureByEngine(plain: PlainWire, endpoint: TlsEndpoint, remainder: Uint8Array | undefined): void {
    const { host, ca, bare } = this.options;
    if (bare) endpoint.deliverSingly();
    const tls: EngineTls = new EngineTls(plain, endpoint, this.channel, {
      secured: (security, chain) => {
        if (this.over) return;
        if (plain.remote.address === '') return this.fail(RESET);
        const distrust = distrustOf(host, chain, ca);
        this.channel.rewire(tls);
        const known = { ...security, certificate: chain[0]! };
        this.secured(distrust === undefined ? known : { ...known, distrust }, plain.local, plain.remote);
      },
      ended: (error) => (this.over ? this.channel.ended(error) : this.fail(error)),
    });
    if (remainder !== undefined) tls.received(remainder);
  }

  #secureOver(plain: PlainWire, remainder: Uint8Array | undefined): void {
    const tls: LeavableTls = new LeavableTls(
      plain,
      this.channel,
      {
        secured: (socket) => {
          if (this.over) return;
          if (plain.remote.address === '') return this.fail(RESET);
          this.channel.rewire(tls);
          this.secured(describeSecurity(socket, this.options.host), plain.local, plain.remote);
        },
        ended: (error) => (this.over ? this.channel.ended(error) : this.fail(error)),
      },
      (stream) => this.#dialer.startTlsOver(stream, this),
    );
    if (remainder !== undefined) tls.received(remainder);
  }

  #refuse(code: string, message: string): void {
    this.#give(
      new HostFailure('connect', code, `Cannot connect to ${describeRoute(this.options)}: ${message} (${code}).`),
    );
  }

  #give(failure: HostFailure): void {
    this.#finish(() => this.channel.failed(failure));
  }

  /** @param tell Tells the channel, which believes what it is told first. */
  #finish(tell: () => void): void {
    if (this.over) return;
    this.#step = 'over';
    clearTimeout(this.#timer);
    tell();
    this.#cancel();
  }
}
