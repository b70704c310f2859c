import { nodeSnapshot, sessionSnapshot, tapSnapshot } from '../admin/snapshot.ts';
import type { HubStatus, NodeStatus } from '../admin/status.ts';
import { CLIENT_SIZES } from '../core.ts';
import type { Host, HostError, Log } from '../host.ts';
import { checkLogin, wipeCredential } from '../login/client-login.ts';
import { CLIENT_KEYS, Node, type TapPort } from '../node.ts';
import { PRODUCT } from '../product.ts';
import { LoginTemplate } from './login.ts';
import type { ClientEnd, ClientEvent, ClientOptions, RunningClient } from './options.ts';
import { Surroundings } from './surroundings.ts';
import { Uplink } from './uplink.ts';

/**
 * Opens the TAP and starts to connect. A TAP that cannot be had, like everything else, arrives through `ended`. Throws a
 * `RangeError` for names and passwords that no server would take.
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

/** A TAP, and the session that it is joined to. */
class Client implements RunningClient {
  readonly ended: Promise<ClientEnd>;
  readonly #node: Node;
  readonly #options: ClientOptions;
  readonly #log: Log;
  readonly #hub: number;
  readonly #uplink: Uplink;
  #resolve: (end: ClientEnd) => void = () => {};
  readonly #onEvent: (event: ClientEvent) => void;
  #tap: TapPort | undefined;
  #surroundings: Surroundings | undefined;
  #over = false;

  constructor(host: Host, options: ClientOptions, log: Log, onEvent: (event: ClientEvent) => void) {
    this.#node = new Node(host, CLIENT_SIZES, CLIENT_KEYS, log);
    this.#options = options;
    this.#onEvent = onEvent;
    this.#log = log;
    this.#hub = this.#node.core.openPatch();
    const template = new LoginTemplate(options, host.runtime, host.random, this.#node.core, this.#node.crypto.sha0);
    const login = template.make();
    try {
      checkLogin(login, PRODUCT);
    } catch (error) {
      this.#node.close();
      throw error;
    } finally {
      wipeCredential(login.credential);
    }
    this.#uplink = new Uplink(
      this.#node,
      this.#hub,
      { ...options, way: () => this.#surroundings?.way() },
      template,
      (event) => this.#handleEvent(event),
      (end) => this.#end(end),
    );
    this.#node.onWake((now, addresses) => {
      this.#surroundings?.handleWake(now, addresses);
      this.#uplink.handleWake(now, addresses);
    });
    this.ended = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  start(): void {
    if (this.#over) return;
    try {
      this.#tap = this.#node.openTap(this.#hub, this.#options.tap, (error) =>
        this.#end({ kind: 'tap', message: error.message }),
      );
      this.#surroundings = this.#surround(this.#tap);
    } catch (error) {
      const { doing, message } = error as HostError;
      return this.#end({ kind: doing === 'settings' ? 'settings' : 'tap', message });
    }
    this.#uplink.start();
  }

  #surround(tap: TapPort): Surroundings | undefined {
    const { settings } = this.#options;
    if (settings === undefined) return undefined;
    return new Surroundings({
      node: this.#node,
      hub: this.#hub,
      client: this.#options,
      settings,
      tap,
      port: () => this.#uplink.membership?.session.port,
      onEvent: this.#onEvent,
      // Not from within what is going on.
      failed: ({ message }) => this.#node.host.scheduler.soon(() => this.#end({ kind: 'settings', message })),
    });
  }

  #handleEvent(event: ClientEvent): void {
    if (this.#over) return;
    this.#onEvent(event);
    this.#surroundings?.handleEvent(event);
  }

  status(): NodeStatus {
    const { host, port, hub, user } = this.#options;
    const { state, attempts, lastError } = this.#uplink;
    return {
      ...nodeSnapshot(this.#node, 'client'),
      listeners: [],
      hubs: this.#over ? [] : [this.#hubStatus()],
      client: {
        state: this.#over ? 'ended' : state,
        server: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
        hub,
        user,
        attempts,
        ...(lastError === undefined ? {} : { lastError }),
        ...(this.#surroundings === undefined || this.#over ? {} : { settings: this.#surroundings.status() }),
      },
    };
  }

  async close(): Promise<void> {
    this.#end({ kind: 'closed', message: 'closed on request' });
  }

  #end(end: ClientEnd): void {
    if (this.#over) return;
    this.#over = true;
    this.#log('debug', 'client ends', { kind: end.kind, cause: end.message });
    if (this.#surroundings?.release() !== true) return this.#finish(end);
    // What gives leases back leaves in the next turn.
    this.#node.host.scheduler.soon(() => this.#node.host.scheduler.soon(() => this.#finish(end)));
  }

  #finish(end: ClientEnd): void {
    this.#surroundings?.end();
    this.#uplink.end(end.message);
    this.#node.close();
    this.#resolve(end);
  }

  #hubStatus(): HubStatus {
    const { membership } = this.#uplink;
    const { user, hub } = this.#options;
    return {
      name: hub,
      fdb: 0,
      sessions:
        membership === undefined
          ? []
          : [
              sessionSnapshot(this.#node, membership.session, {
                name: membership.welcome.sessionName,
                user,
                since: membership.since,
                encrypted: membership.welcome.useEncrypt,
                compressed: membership.welcome.useCompress,
              }),
            ],
      taps: this.#tap === undefined ? [] : [tapSnapshot(this.#node, this.#tap)],
      bridges: [],
    };
  }
}
