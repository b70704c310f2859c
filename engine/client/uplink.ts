import type { ClientStatus } from '../admin/status.ts';
import type { Timed } from '../deadlines.ts';
import type { Channel, ChannelSecurity, ConnectOptions, Way } from '../host.ts';
import { usableConnections } from '../login/connections.ts';
import {
  describeError,
  ERROR_AUTO_DISCONNECTED,
  ERROR_NOT_TCP_SESSION,
  ERROR_UNKNOWN_SESSION,
} from '../login/errors.ts';
import { EXTENSION_RETIRE, portAbilities } from '../login/own-extensions.ts';
import { equalBytes } from '../login/password.ts';
import type { Welcome } from '../login/welcome.ts';
import type { Node } from '../node.ts';
import { CONGESTION_REFUSED } from '../session/congestion.ts';
import { Session, type Tunnel } from '../session/session.ts';
import { warnOfWeakness } from '../tls-legacy/choice.ts';
import { LegacyDialer } from '../tls-legacy/dialer.ts';
import { Keeper } from './keeper.ts';
import type { LoginTemplate } from './login.ts';
import type { ClientEnd, ClientEvent, ClientOptions } from './options.ts';
import { type Admitted, type Failure, Outgoing } from './outgoing.ts';

/** What of a client's options concerns its session; a cascade has the same. */
export type UplinkOptions = Omit<
  ClientOptions,
  'tap' | 'hub' | 'user' | 'credential' | 'bridge' | 'qos' | 'settings'
> & {
  /** Asked in front of each attempt: how the next hop is found, where its route is to be kept. */
  readonly way?: () => Way | undefined;
  /** The session's port in the core is there, before anything can come in by it; and is about to be closed. */
  readonly portChanged?: (port: number, open: boolean) => void;
};

/** A session that is up. */
export interface Membership {
  readonly session: Session;
  readonly keeper: Keeper;
  readonly welcome: Welcome;
  /** Milliseconds since 1970. */
  readonly since: number;
}

/**
 * A hub's way to another server: logs in, holds the session's connections at their number, resumes it when all of them
 * are lost, and logs in anew when it has ended. It stops by itself only for an answer that will not change by itself.
 */
export class Uplink implements Timed {
  readonly #node: Node;
  /** The hub in the core that the session is a port of. */
  readonly #hub: number;
  readonly #options: UplinkOptions;
  readonly #login: LoginTemplate;
  readonly #onEvent: (event: ClientEvent) => void;
  readonly #onEnd: (end: ClientEnd) => void;
  /** Attempts that are under way, for a login or for a further connection. */
  readonly #outgoing = new Set<Outgoing>();
  #membership: Membership | undefined;
  #state: ClientStatus['state'] = 'connecting';
  #retryAt = Number.POSITIVE_INFINITY;
  /** When the session has lasted as long as its policy allows. */
  #disconnectAt = Number.POSITIVE_INFINITY;
  /** That passwords are not to be saved was said. */
  #savingWarned = false;
  #attempts = 0;
  #lastError: string | undefined;
  readonly #tls: Pick<ConnectOptions, 'minimum' | 'tls'>;
  /** The attempt before this one found the server gone once it was trusted. */
  #stale = false;

  constructor(
    node: Node,
    hub: number,
    options: UplinkOptions,
    login: LoginTemplate,
    onEvent: (event: ClientEvent) => void,
    onEnd: (end: ClientEnd) => void,
  ) {
    this.#node = node;
    this.#tls = chosenTls(node, options);
    this.#hub = hub;
    this.#options = options;
    this.#login = login;
    this.#onEvent = onEvent;
    this.#onEnd = onEnd;
  }

  get membership(): Membership | undefined {
    return this.#membership;
  }

  get state(): ClientStatus['state'] {
    return this.#state;
  }

  get lastError(): string | undefined {
    return this.#lastError;
  }

  /** Attempts to log in since the session was last up. */
  get attempts(): number {
    return this.#attempts;
  }

  start(): void {
    this.#state = 'connecting';
    this.#attempts++;
    this.#onEvent({ kind: 'connecting', attempt: this.#attempts });
    this.#dial({
      purpose: () => this.#login.make(),
      trust: this.#options.trust,
      admitted: (channel, outcome) => this.#enter(channel, outcome),
      failed: (failure) => this.#handleFailure(failure),
    });
  }

  /** Ends the session and every attempt, silently. */
  end(cause: string): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#retryAt = Number.POSITIVE_INFINITY;
    this.#disconnectAt = Number.POSITIVE_INFINITY;
    for (const outgoing of this.#outgoing) outgoing.abort();
    this.#outgoing.clear();
    this.#membership?.session.end(cause);
    this.#node.forget(this);
  }

  /**
   * The machine woke up, or it has other addresses now. An attempt that is being waited for is made at once, and
   * connections are replaced on which nobody can rely: after a sleep all of them, otherwise those whose address is gone.
   */
  handleWake(now: number, addresses: readonly string[] | undefined): void {
    if (this.#state === 'waiting') {
      this.#retryAt = now;
      this.#node.touch(this);
    }
    const { session, keeper } = this.#membership ?? {};
    const lost = ({ channel }: Tunnel): boolean => addresses?.includes(channel.local.address) === false;
    const suspect = addresses === undefined || session?.tunnels.length === 0 || session?.tunnels.some(lost) === true;
    if (!suspect) return;
    this.#node.log('info', 'connections are renewed', {
      cause: addresses === undefined ? 'the machine woke up, or its clock was set' : 'its address is gone',
    });
    keeper?.handleWake(now);
  }

  pollTimeout(): number {
    return Math.min(this.#retryAt, this.#disconnectAt);
  }

  handleTimeout(now: number): void {
    if (this.#disconnectAt <= now) {
      // `protocol/control-plane.md` §5.1: the client ends the session, and does not try again.
      const code = ERROR_AUTO_DISCONNECTED;
      return this.#stop({ kind: 'refused', message: describeError(code).message, code });
    }
    this.#retryAt = Number.POSITIVE_INFINITY;
    this.start();
  }

  #dial(how: Pick<Outgoing['options'], 'purpose' | 'trust' | 'admitted' | 'failed'>): void {
    const { host, port, ca, proxy, encrypt, compress } = this.#options;
    const outgoing = new Outgoing({
      node: this.#node,
      target: { host, port, ca, proxy, ...this.#tls, way: this.#options.way?.() },
      bare: !encrypt,
      compress,
      purpose: how.purpose,
      trust: how.trust,
      crowded: (welcome) => this.#crowded(welcome),
      admitted: (channel, outcome) => {
        this.#outgoing.delete(outgoing);
        return how.admitted(channel, outcome);
      },
      failed: (failure) => {
        this.#outgoing.delete(outgoing);
        how.failed(failure);
      },
    });
    this.#outgoing.add(outgoing);
  }

  /** Others may have taken the windows since the login was made, and a server may grant what was not offered. */
  #crowded({ extensions, useCompress }: Welcome): string | undefined {
    const { windows = 0 } = portAbilities(extensions, useCompress, this.#options.connections);
    if (windows <= this.#node.core.windowsFree) return undefined;
    return 'there is no memory left for the compression that the server has granted';
  }

  #enter(channel: Channel, outcome: Admitted): Tunnel {
    if (outcome.kind !== 'welcome') throw new Error('expected a welcome after a login, got an additional connection');
    const { welcome, hello } = outcome;
    const { core, plane, host } = this.#node;
    const now = this.#node.now();
    const retires = welcome.extensions.has(EXTENSION_RETIRE);
    const session = new Session({
      core,
      plane,
      random: host.random,
      port: core.openSession(this.#hub, {
        qos: welcome.qos,
        priorityRule: this.#options.priorityRule,
        ...portAbilities(welcome.extensions, welcome.useCompress, this.#options.connections),
      }),
      timeoutMs: welcome.timeoutMs,
      side: 'client',
      retires,
      qos: welcome.qos,
      congestion: this.#options.congestion,
      congestionRefused: (name) => this.#node.log('warn', CONGESTION_REFUSED, { congestion: name }),
      touch: this.#node.touch,
      connectionLost: (cause) => this.#handleConnectionLost(cause),
      ended: (cause) => this.#handleSessionEnd(cause),
    });
    this.#options.portChanged?.(session.port, true);
    const keeper = new Keeper(
      {
        session,
        wanted: usableConnections(this.#options.connections, welcome),
        intervalMs: this.#options.connectionIntervalMs,
        lifetimeMs: this.#options.connectionLifetimeMs,
        halfDuplex: welcome.halfConnection,
        dial: () => this.#dialFurther(),
        touch: this.#node.touch,
      },
      now,
    );
    this.#membership = { session, keeper, welcome, since: host.clock.utc() };
    this.#certificate = channel.security?.certificate;
    this.#enteredAt = now;
    this.#obey(welcome, now);
    this.#state = 'established';
    this.#attempts = 0;
    this.#lastError = undefined;
    // The login connection carries client to server in half duplex (`protocol/data-plane.md` §4.5).
    const tunnel = session.join(channel, welcome.halfConnection ? 2 : 0, outcome.remainder, now);
    this.#node.touch(keeper);
    const { protocol = 'unknown', cipher = 'unknown' } = channel.security ?? {};
    this.#onEvent({
      kind: 'established',
      session: welcome.sessionName,
      server: hello.server,
      cipher: welcome.useEncrypt ? cipher : 'none',
      protocol,
      compressed: welcome.useCompress,
      message: welcome.message,
    });
    return tunnel;
  }

  /** The two policies that a client keeps to by itself. */
  #obey({ policy }: Welcome, now: number): void {
    if (policy.AutoDisconnect > 0) {
      this.#disconnectAt = now + policy.AutoDisconnect * 1000;
      this.#node.touch(this);
    }
    if (!policy.NoSavePassword || this.#savingWarned) return;
    // Nothing is ever saved here; what others do is for people to decide.
    this.#savingWarned = true;
    this.#node.log('warn', 'the server wants the password of this user to be typed, and not to be kept in a file');
  }

  /** What the first connection showed: all others have to show the same (`protocol/control-plane.md` §1.2). */
  #certificate: Uint8Array | undefined;
  /** When the session was set up, host's ms. */
  #enteredAt = 0;

  #dialFurther(): void {
    const { session, keeper, welcome } = this.#membership!;
    this.#dial({
      purpose: () => ({ kind: 'attach', sessionKey: welcome.sessionKey }),
      trust: async (security) => this.#judgeFurther(security),
      admitted: (channel, outcome) => {
        const now = this.#node.now();
        const direction = outcome.kind === 'attached' ? outcome.direction : 0;
        const tunnel = session.join(channel, direction, outcome.remainder, now);
        if (this.#state === 'interrupted') {
          this.#state = 'established';
          this.#onEvent({ kind: 'resumed' });
        }
        keeper.settled(now);
        return tunnel;
      },
      failed: (failure) => this.#handleFurtherFailure(failure),
    });
  }

  #judgeFurther({ certificate }: ChannelSecurity): string | undefined {
    const first = this.#certificate;
    if (first !== undefined && certificate !== undefined && equalBytes(first, certificate)) return undefined;
    return 'a further connection of the session reached a server with another certificate';
  }

  #handleFurtherFailure(failure: Failure): void {
    const membership = this.#membership;
    if (membership === undefined) return;
    const { session, keeper } = membership;
    const gone = failure.kind === 'refused' && [ERROR_UNKNOWN_SESSION, ERROR_NOT_TCP_SESSION].includes(failure.code);
    // The server answers, it only does not know the session any more: there is nothing to wait for.
    if (gone) return this.#startAnew(session, 'the server has ended the session');
    if (failure.kind === 'untrusted') {
      // Most likely a server that was set up anew: whether it is to be trusted is decided at its login. At once, but not
      // again and again, as behind an address that leads to two servers in turn.
      if (this.#node.now() - this.#enteredAt >= this.#options.reconnectMs)
        return this.#startAnew(session, failure.message);
      return session.end(failure.message);
    }
    this.#node.log('debug', 'a further connection came to nothing', { cause: failure.message });
    keeper.settled(this.#node.now());
  }

  #startAnew(session: Session, cause: string): void {
    session.end(cause);
    this.#retryAt = this.#node.now();
    this.#node.touch(this);
  }

  #handleConnectionLost(cause: string): void {
    const membership = this.#membership;
    if (membership === undefined || membership.session.over) return;
    membership.keeper.handleLost();
    if (membership.session.tunnels.length > 0) return;
    this.#state = 'interrupted';
    this.#lastError = cause;
    this.#onEvent({ kind: 'interrupted', cause });
  }

  #handleSessionEnd(cause: string): void {
    const membership = this.#membership;
    if (membership === undefined) return;
    this.#membership = undefined;
    this.#disconnectAt = Number.POSITIVE_INFINITY;
    membership.keeper.end();
    this.#options.portChanged?.(membership.session.port, false);
    this.#node.core.closePort(membership.session.port);
    this.#node.forget(membership.session);
    this.#node.forget(membership.keeper);
    for (const outgoing of this.#outgoing) outgoing.abort();
    this.#outgoing.clear();
    if (this.#state !== 'ended') this.#retry(this.#lastError ?? cause);
  }

  #handleFailure(failure: Failure): void {
    // At once, but not again and again: a server may close every connection that it gets.
    const stale = failure.kind === 'stale' && !this.#stale;
    this.#stale = stale;
    if (stale) return this.start();
    const end = endOf(failure);
    if (end !== undefined && !this.#options.stubborn) return this.#stop(end);
    this.#retry(failure.message);
  }

  #retry(cause: string): void {
    const { reconnectMs, reconnectAttempts } = this.#options;
    // The first attempt is none again, and a session that was up starts the count anew.
    if (this.#attempts > reconnectAttempts || (this.#attempts === 0 && reconnectAttempts === 0)) {
      return this.#stop({ kind: 'unreachable', message: cause });
    }
    this.#state = 'waiting';
    this.#lastError = cause;
    this.#retryAt = this.#node.now() + reconnectMs;
    this.#node.touch(this);
    this.#onEvent({ kind: 'lost', cause, retryMs: reconnectMs });
  }

  #stop(end: ClientEnd): void {
    this.#lastError = end.message;
    this.end(end.message);
    this.#onEnd(end);
  }
}

/** How a client ends for an answer that will not change by itself; undefined for one that may. */
function endOf(failure: Failure): ClientEnd | undefined {
  if (failure.kind === 'untrusted') return { kind: 'untrusted', message: failure.message };
  if (failure.kind !== 'refused' || !failure.permanent) return undefined;
  return { kind: 'refused', message: failure.message, code: failure.code };
}

function chosenTls(node: Node, { tls, host, port }: UplinkOptions): Pick<ConnectOptions, 'minimum' | 'tls'> {
  const { legacy, modern } = tls;
  if (legacy === undefined) return { minimum: modern?.minimum ?? 'TLSv1.2' };
  warnOfWeakness(node.log, tls);
  const { random, clock, certificates } = node.host;
  const dialer = new LegacyDialer(legacy, { crypto: node.crypto, random, clock, certificates });
  return { tls: () => dialer.open(host, port) };
}
