import { nodeSnapshot, sessionSnapshot, tapSnapshot } from '../admin/snapshot.ts';
import type { ClientStatus, HubStatus, NodeStatus } from '../admin/status.ts';
import { CLIENT_SIZES } from '../core.ts';
import type { Timed } from '../deadlines.ts';
import type { Channel, Host, HostError, Log } from '../host.ts';
import { Node, type TapPort } from '../node.ts';
import { Session, type Tunnel } from '../session/session.ts';
import { LoginTemplate } from './login.ts';
import type { ClientEnd, ClientEvent, ClientOptions, RunningClient } from './options.ts';
import { type Admitted, type Failure, Outgoing } from './outgoing.ts';

/**
 * Opens the TAP and starts to connect. A TAP that cannot be had, like everything else, arrives through `ended`.
 *
 * @param onEvent Is told of every step; called from the event loop, never before this function has returned.
 */
export function startClient(
  host: Host,
  options: ClientOptions,
  log: Log,
  onEvent: (event: ClientEvent) => void,
): RunningClient {
  const client = new Client(host, options, log, onEvent);
  host.scheduler.soon(() => client.start());
  return client;
}

/** A session that is up, and how it is called. */
interface Membership {
  readonly session: Session;
  readonly name: string;
  readonly since: number;
}

class Client implements RunningClient, Timed {
  readonly ended: Promise<ClientEnd>;
  readonly #node: Node;
  readonly #options: ClientOptions;
  readonly #log: Log;
  readonly #onEvent: (event: ClientEvent) => void;
  readonly #login: LoginTemplate;
  readonly #hub: number;
  #resolve: (end: ClientEnd) => void = () => {};
  #tap: TapPort | undefined;
  #outgoing: Outgoing | undefined;
  #membership: Membership | undefined;
  #state: ClientStatus['state'] = 'connecting';
  #retryAt = Number.POSITIVE_INFINITY;
  #attempts = 0;
  #lastError: string | undefined;
  /** Why the session's last connection went away. */
  #lostBy = '';

  constructor(host: Host, options: ClientOptions, log: Log, onEvent: (event: ClientEvent) => void) {
    this.#node = new Node(host, CLIENT_SIZES, log);
    this.#options = options;
    this.#log = log;
    this.#onEvent = onEvent;
    this.#hub = this.#node.core.openPatch();
    this.#login = new LoginTemplate(options, host.runtime, host.random, this.#node.core.sha0);
    this.ended = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  start(): void {
    if (this.#state === 'ended') return;
    try {
      this.#tap = this.#node.openTap(this.#hub, this.#options.tap, (error) =>
        this.#end({ kind: 'tap', message: error.message }),
      );
    } catch (error) {
      return this.#end({ kind: 'tap', message: (error as HostError).message });
    }
    this.#connect();
  }

  status(): NodeStatus {
    const { host, port, hub, user } = this.#options;
    return {
      ...nodeSnapshot(this.#node, 'client'),
      listeners: [],
      hubs: this.#state === 'ended' ? [] : [this.#hubStatus()],
      client: {
        state: this.#state,
        server: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
        hub,
        user,
        attempts: this.#attempts,
        ...(this.#lastError === undefined ? {} : { lastError: this.#lastError }),
      },
    };
  }

  async close(): Promise<void> {
    this.#end({ kind: 'closed', message: 'closed on request' });
  }

  pollTimeout(): number {
    return this.#retryAt;
  }

  handleTimeout(): void {
    this.#retryAt = Number.POSITIVE_INFINITY;
    this.#connect();
  }

  #connect(): void {
    this.#state = 'connecting';
    this.#attempts++;
    this.#onEvent({ kind: 'connecting', attempt: this.#attempts });
    this.#outgoing = new Outgoing({
      node: this.#node,
      host: this.#options.host,
      port: this.#options.port,
      ca: this.#options.ca,
      purpose: () => this.#login.make(),
      trust: this.#options.trust,
      admitted: (channel, outcome) => this.#enter(channel, outcome),
      failed: (failure) => this.#handleFailure(failure),
    });
  }

  #enter(channel: Channel, outcome: Admitted): Tunnel {
    if (outcome.kind !== 'welcome') throw new Error('expected a welcome after a login, got an additional connection');
    const { welcome, hello } = outcome;
    const { core, plane, host } = this.#node;
    const session = new Session({
      core,
      plane,
      random: host.random,
      port: core.openSession(this.#hub, { qos: welcome.qos }),
      timeoutMs: welcome.timeoutMs,
      side: 'client',
      touch: this.#node.touch,
      connectionLost: (cause) => this.#handleConnectionLost(cause),
      ended: (cause) => this.#handleSessionEnd(cause),
    });
    this.#membership = { session, name: welcome.sessionName, since: host.clock.utc() };
    this.#state = 'established';
    this.#attempts = 0;
    this.#lastError = undefined;
    const tunnel = session.join(channel, 0, outcome.remainder, this.#node.now());
    const { protocol = 'unknown', cipher = 'unknown' } = channel.security ?? {};
    this.#onEvent({
      kind: 'established',
      session: welcome.sessionName,
      server: hello.server,
      cipher,
      protocol,
      message: welcome.message,
    });
    return tunnel;
  }

  /** The session has one connection: without it there is nothing to wait for. */
  #handleConnectionLost(cause: string): void {
    this.#lostBy = cause;
    this.#node.host.scheduler.soon(() => this.#membership?.session.end(cause));
  }

  #handleSessionEnd(cause: string): void {
    const membership = this.#membership;
    if (membership === undefined) return;
    this.#membership = undefined;
    this.#node.core.closePort(membership.session.port);
    this.#node.forget(membership.session);
    if (this.#state !== 'ended') this.#retry(this.#lostBy || cause);
  }

  #handleFailure(failure: Failure): void {
    this.#outgoing = undefined;
    if (failure.kind === 'stale') return this.#connect();
    if (failure.kind === 'untrusted') return this.#end({ kind: 'untrusted', message: failure.message });
    if (failure.kind === 'refused' && failure.permanent) {
      return this.#end({ kind: 'refused', message: failure.message, code: failure.code });
    }
    this.#retry(failure.message);
  }

  #retry(cause: string): void {
    const { reconnectMs } = this.#options;
    this.#state = 'waiting';
    this.#lastError = cause;
    this.#retryAt = this.#node.now() + reconnectMs;
    this.#node.touch(this);
    this.#onEvent({ kind: 'lost', cause, retryMs: reconnectMs });
  }

  #end(end: ClientEnd): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#lastError = end.kind === 'closed' ? undefined : end.message;
    this.#log('debug', 'client ends', { kind: end.kind, cause: end.message });
    if (this.#membership !== undefined) this.#membership.session.end(end.message);
    else this.#outgoing?.abort();
    this.#retryAt = Number.POSITIVE_INFINITY;
    this.#node.forget(this);
    this.#node.close();
    this.#resolve(end);
  }

  #hubStatus(): HubStatus {
    const membership = this.#membership;
    const { user, hub } = this.#options;
    return {
      name: hub,
      fdb: 0,
      sessions:
        membership === undefined
          ? []
          : [
              sessionSnapshot(this.#node, membership.session, {
                name: membership.name,
                user,
                since: membership.since,
              }),
            ],
      taps: this.#tap === undefined ? [] : [tapSnapshot(this.#node, this.#tap)],
    };
  }
}
