import { deviceSnapshot } from '../admin/snapshot.ts';
import type { BridgeStatus, PortStatus } from '../admin/status.ts';
import type { Timed } from '../deadlines.ts';
import type { BridgeOptions, HostError, Log } from '../host.ts';
import type { BridgePort, Node } from '../node.ts';
import type { Hub } from './hub.ts';

/** How often an interface that went away is looked for, and one that is there is looked at. */
const LOOK_MS = 3_000;

/** Counters that all ports of the bridge so far have counted. */
type Counters = Pick<PortStatus, 'received' | 'sent' | 'drops'>;
const NOTHING: Counters = { received: { frames: 0, bytes: 0 }, sent: { frames: 0, bytes: 0 }, drops: {} };

/**
 * An interface of this host in a hub, `protocol/data-plane.md` §6.11. When it goes away the port is closed, and opened again
 * once there is an interface of that name; likewise when it is no longer what it was.
 */
export class LocalBridge implements Timed {
  readonly name: string;
  readonly #node: Node;
  readonly #hub: Pick<Hub, 'name' | 'number' | 'guard'>;
  readonly #log: Log;
  #port: BridgePort | undefined;
  #before: Counters = NOTHING;
  #lastError: string | undefined;
  #since: number;
  #due = Number.POSITIVE_INFINITY;

  constructor(node: Node, hub: Pick<Hub, 'name' | 'number' | 'guard'>, options: BridgeOptions) {
    this.name = options.interface;
    this.#node = node;
    this.#hub = hub;
    this.#log = node.log;
    this.#since = node.host.clock.utc();
  }

  /** Throws a `HostError`. */
  open(): void {
    this.#port = this.#node.openBridge(this.#hub.number, { interface: this.name }, (error) =>
      this.#lose(error.message),
    );
    this.#hub.guard.add(this.#port.port, 'bridge', this.name);
    this.#lastError = undefined;
    this.#since = this.#port.since;
    this.#due = this.#node.now() + LOOK_MS;
    this.#node.touch(this);
    const { mtu, addresses, hasDefaultRoute } = this.#port.tap;
    const about = { hub: this.#hub.name, interface: this.name };
    this.#log('info', 'an interface is bridged', { ...about, mtu });
    if (addresses.length > 0 || hasDefaultRoute) {
      this.#log('warn', HOST_WARNING, { ...about, addresses, hasDefaultRoute });
    }
  }

  close(): void {
    this.#due = Number.POSITIVE_INFINITY;
    this.#node.forget(this);
    this.#closePort();
  }

  status(): BridgeStatus {
    const port = this.#port;
    const now = port === undefined ? undefined : deviceSnapshot(this.#node, port);
    const blocked = port === undefined ? undefined : this.#hub.guard.blocked(port.port);
    return {
      name: this.name,
      state: port === undefined ? 'waiting' : 'open',
      ...(this.#lastError === undefined ? {} : { lastError: this.#lastError }),
      ...(port === undefined ? {} : { mtu: port.tap.mtu }),
      since: new Date(this.#since).toISOString(),
      queuedBytes: now?.queuedBytes ?? 0,
      ...added(this.#before, now ?? NOTHING),
      ...(blocked === undefined ? {} : { blocked }),
    };
  }

  pollTimeout(): number {
    return this.#due;
  }

  handleTimeout(now: number): void {
    this.#due = now + LOOK_MS;
    if (this.#port !== undefined) {
      if (!this.#port.tap.hasChanged()) return;
      this.#log('info', 'a bridged interface has changed: it is opened again', {
        hub: this.#hub.name,
        interface: this.name,
      });
      this.#closePort();
    }
    try {
      this.open();
    } catch (error) {
      const { message } = error as HostError;
      if (message === this.#lastError) return;
      this.#lose(message);
    }
  }

  #lose(cause: string): void {
    this.#closePort();
    this.#lastError = cause;
    this.#since = this.#node.host.clock.utc();
    this.#log('error', 'an interface cannot be bridged: it is tried again', {
      hub: this.#hub.name,
      interface: this.name,
      cause,
    });
  }

  #closePort(): void {
    const port = this.#port;
    if (port === undefined) return;
    this.#before = added(this.#before, deviceSnapshot(this.#node, port));
    this.#port = undefined;
    this.#hub.guard.remove(port.port);
    this.#node.closeTap(port);
  }
}

const HOST_WARNING =
  'the host uses a bridged interface itself: others on its wire reach it as before, the stations of the hub do not; ' +
  'give the host a TAP in the hub, or bridge by a bridge of the kernel';

function added(a: Counters, b: Counters): Counters {
  const drops: Record<string, number> = { ...a.drops };
  for (const [cause, count] of Object.entries(b.drops)) drops[cause] = (drops[cause] ?? 0) + count;
  const sum = (x: Counters['sent'], y: Counters['sent']) => ({ frames: x.frames + y.frames, bytes: x.bytes + y.bytes });
  return { received: sum(a.received, b.received), sent: sum(a.sent, b.sent), drops };
}
