import type { Channel, ChannelHandler, ChannelSecurity, ConnectOptions, HostError, ProxyOptions } from '../host.ts';
import { type ClientOutcome, ClientPreamble, type ClientPreambleOptions } from '../login/client-preamble.ts';
import type { Welcome } from '../login/welcome.ts';
import type { Node } from '../node.ts';
import { PRODUCT } from '../product.ts';
import { Entrance } from '../session/entrance.ts';
import type { Tunnel } from '../session/session.ts';

export type Admitted = Extract<ClientOutcome, { kind: 'welcome' | 'attached' }>;

/** Why an attempt came to nothing. */
export type Failure =
  /** `stale`: the server is trusted now, but it did not wait for that. */
  | { readonly kind: 'unreachable' | 'untrusted' | 'stale'; readonly message: string }
  | { readonly kind: 'refused'; readonly message: string; readonly code: number; readonly permanent: boolean };

export interface OutgoingOptions {
  readonly node: Node;
  readonly target: {
    readonly host: string;
    readonly port: number;
    readonly ca?: string | undefined;
    readonly proxy?: ProxyOptions | undefined;
    /** The least of the runtime's TLS. */
    readonly minimum?: ConnectOptions['minimum'];
    /** In place of the runtime's TLS. */
    readonly tls?: ConnectOptions['tls'];
    readonly way?: ConnectOptions['way'] | undefined;
  };
  /** The connection leaves TLS behind its login. */
  readonly bare: boolean;
  /** Compression was asked for. */
  readonly compress: boolean;
  readonly purpose: () => ClientPreambleOptions['purpose'];
  readonly trust: (security: ChannelSecurity) => Promise<string | undefined>;
  /** Why there is no room for the session now that a server has granted; there is when absent. */
  readonly crowded?: (welcome: Welcome) => string | undefined;
  /** The server let us in: what of a session's tunnel this connection is now. */
  readonly admitted: (channel: Channel, outcome: Admitted) => Tunnel;
  /** The attempt failed; called at most once, and not after `admitted`. */
  readonly failed: (failure: Failure) => void;
}

/** TCP and TLS together; the reference allows 10 and 15 s for them (`protocol/control-plane.md` §1.2). */
const CONNECT_TIMEOUT_MS = 15_000;

/** One connection to a server: dialled, judged, logged in, and then a session's tunnel. */
export class Outgoing implements ChannelHandler {
  readonly options: OutgoingOptions;
  readonly #channel: Channel;
  #entrance: Entrance<ClientPreamble> | undefined;
  #tunnel: Tunnel | undefined;
  #over = false;
  #closed = false;

  constructor(options: OutgoingOptions) {
    this.options = options;
    const { target, node, bare } = options;
    const { host, port, ca, proxy, minimum, tls, way } = target;
    this.#channel = node.host.network.connect(
      {
        host,
        port,
        timeoutMs: CONNECT_TIMEOUT_MS,
        bare,
        ...(ca === undefined ? {} : { ca }),
        ...(proxy === undefined ? {} : { proxy }),
        ...(minimum === undefined ? {} : { minimum }),
        ...(tls === undefined ? {} : { tls }),
        ...(way === undefined ? {} : { way }),
      },
      this,
    );
  }

  /** Gives the attempt up, silently. */
  abort(): void {
    this.#over = true;
    this.options.node.forget(this);
    this.#channel.abort();
  }

  opened(): void {
    // Nothing is sent before the server was judged, least of all a credential.
    const security = this.#channel.security!;
    this.options.trust(security).then(
      (distrust) => this.#handleJudgement(distrust),
      (error: unknown) =>
        this.#fail({ kind: 'untrusted', message: `the server could not be judged: ${String(error)}` }),
    );
  }

  data(bytes: Uint8Array): void {
    if (this.#tunnel !== undefined) return this.#tunnel.handleBytes(bytes);
    this.#entrance?.handleBytes(bytes, this.options.node.now());
    this.options.node.touch(this);
  }

  writable(): void {
    if (this.#tunnel !== undefined) this.#tunnel.handleWritable();
    else this.#entrance?.pump();
  }

  closed(error: HostError | undefined): void {
    const cause = error?.message ?? 'the server closed the connection';
    this.#closed = true;
    this.options.node.forget(this);
    if (this.#tunnel !== undefined) return this.#tunnel.handleClosed(cause);
    // While the user still ponders whether to trust the server, its patience ran out: his answer decides what follows.
    if (this.#entrance === undefined && this.#channel.security !== undefined) return;
    this.#fail({ kind: 'unreachable', message: cause });
  }

  pollTimeout(): number {
    const waiting = this.#tunnel === undefined && !this.#over;
    return waiting ? (this.#entrance?.pollTimeout() ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY;
  }

  handleTimeout(now: number): void {
    this.#entrance?.handleTimeout(now);
  }

  #handleJudgement(distrust: string | undefined): void {
    if (this.#over) return;
    if (distrust !== undefined) return this.#fail({ kind: 'untrusted', message: distrust });
    if (this.#closed) return this.#fail({ kind: 'stale', message: 'the server did not wait to be trusted' });
    const { node, purpose } = this.options;
    const { remote, local } = this.#channel;
    const preamble = new ClientPreamble(
      {
        random: node.host.random,
        sha0: node.crypto.sha0,
        utc: node.host.clock.utc,
        product: PRODUCT,
        remote,
        local,
        purpose: purpose(),
      },
      node.now(),
    );
    this.#entrance = new Entrance(preamble, this.#channel, () => this.#handleOutcome());
    this.#entrance.pump();
    node.touch(this);
  }

  #handleOutcome(): void {
    const entrance = this.#entrance!;
    const outcome = entrance.preamble.outcome!;
    this.options.node.forget(this);
    switch (outcome.kind) {
      case 'welcome':
      case 'attached': {
        if (this.#over) return;
        const misfit = outcome.kind === 'welcome' ? misfitOf(outcome.welcome, this.options) : undefined;
        if (misfit !== undefined) return this.#fail({ kind: 'refused', message: misfit, code: 0, permanent: true });
        const crowded = outcome.kind === 'welcome' ? this.options.crowded?.(outcome.welcome) : undefined;
        if (crowded !== undefined) return this.#fail({ kind: 'unreachable', message: crowded });
        if (this.options.bare && (outcome.kind === 'attached' || !outcome.welcome.useEncrypt)) this.#channel.leaveTls();
        this.#tunnel = this.options.admitted(this.#channel, outcome);
        const late = entrance.takeLate();
        this.#entrance = undefined;
        if (late.length > 0) this.#tunnel.handleBytes(late);
        return;
      }
      case 'refused':
        return this.#fail(outcome);
      case 'failed':
        return this.#fail({ kind: 'unreachable', message: outcome.cause });
      case 'redirect':
        return this.#fail({
          kind: 'refused',
          message: 'The server is a cluster and sends its clients on to another machine, which is not supported.',
          code: 0,
          permanent: true,
        });
    }
  }

  #fail(failure: Failure): void {
    if (this.#over) return;
    this.#over = true;
    this.options.node.forget(this);
    this.#channel.close();
    this.options.failed(failure);
  }
}

/** What a server may not decide for us: a session that we would not understand, or that is less than what was wanted. */
function misfitOf(welcome: Welcome, { bare, compress }: OutgoingOptions): string | undefined {
  if (!welcome.useEncrypt && !bare) return 'The server wants to send frames unencrypted, which was not asked for.';
  if (welcome.useCompress && !compress) return 'The server wants to compress frames, which was not asked for.';
  return undefined;
}
