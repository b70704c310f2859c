import { Core, type CoreSizes, type PortOptions } from './core.ts';
import { Crypto } from './crypto/module.ts';
import { Deadlines, type Timed } from './deadlines.ts';
import type { BridgedInterface, BridgeOptions, Host, HostError, Log, Tap, TapHandler, TapOptions } from './host.ts';
import { Plane } from './session/plane.ts';

export interface TapPortOptions extends TapOptions {
  /**
   * Microseconds for which the TAP is polled, behind the last frame, before it is waited for: a frame that comes meanwhile
   * saves the time to wake up, at the price of a processor that does not rest. 0 when absent.
   */
  readonly busyPollUs?: number | undefined;
}

/** A TAP of this host as a port of a hub. */
export interface TapPort {
  readonly port: number;
  readonly tap: Tap;
  /** Milliseconds since 1970. */
  readonly since: number;
}

/** A bridged interface as a port of a hub. */
export interface BridgePort extends TapPort {
  readonly tap: BridgedInterface;
}

/**
 * Directions of TLS connections that this program's own engine protects: two for each connection that there can be, with those
 * that have not logged in or whose handshake is under way, and a few for what is passing. 8 MiB of address space.
 */
export const SERVER_KEYS = 2 * (4_096 + 1_024 + 256) + 64;
export const CLIENT_KEYS = 2 * 64 + 16;
/** How often the core forgets what is too old. */
const HOUSEKEEPING_MS = 10_000;
/** How often it is looked whether the wall clock went on without us, and by how much it may. */
const WATCH_MS = 2_000;
const JUMP_MS = 3_000;
/** Ethernet header, VLAN tag. */
const ETHERNET_BYTES = 18;
const VLAN_TAG_BYTES = 4;
/** Headers of IPv4 and TCP. */
const TCP_HEADERS = 40;
const DEFAULT_MTU = 1500;

/** What a server and a client stand on: a core, a plane, the TAPs, and the host's one timer. */
export class Node {
  readonly host: Host;
  readonly log: Log;
  readonly core: Core;
  readonly crypto: Crypto;
  readonly plane: Plane;
  /** Milliseconds since 1970. */
  readonly since: number;
  readonly #deadlines = new Deadlines();
  readonly #taps = new Set<TapPort>();
  readonly #housekeeper: Timed;
  readonly #wakeCalls: ((now: number, addresses: readonly string[] | undefined) => void)[] = [];
  readonly #watcher: Timed;
  readonly #unwatch: () => void;
  #armedFor = Number.POSITIVE_INFINITY;
  #disarm: () => void = () => {};
  #closed = false;

  /** @param keys Directions of TLS connections that this program's own engine protects at one time. */
  constructor(host: Host, sizes: CoreSizes, keys: number, log: Log) {
    this.host = host;
    this.log = log;
    this.core = new Core(host.coreBinary, { sizes, random: host.random, clock: host.clock.now });
    this.crypto = new Crypto(host.cryptoBinary, { slots: keys, random: host.random });
    this.plane = new Plane(this.core, host.clock, host.scheduler);
    this.since = host.clock.utc();
    let due = this.now() + HOUSEKEEPING_MS;
    this.#housekeeper = {
      pollTimeout: () => due,
      handleTimeout: (now) => {
        this.core.housekeep(now);
        due = now + HOUSEKEEPING_MS;
      },
    };
    this.touch(this.#housekeeper);
    this.#watcher = this.#watchClock();
    this.#unwatch = host.watchAddresses?.((addresses) => this.#wake(addresses)) ?? (() => {});
  }

  /**
   * `call` is told when the machine woke from sleep or its clock was set, and when its addresses have changed: then it
   * gets them.
   */
  onWake(call: (now: number, addresses: readonly string[] | undefined) => void): void {
    this.#wakeCalls.push(call);
    this.touch(this.#watcher);
  }

  /** Milliseconds of a clock that never goes back. */
  now(): number {
    return this.host.clock.now();
  }

  /** ISO 8601 of a moment of `now()`. */
  date(moment: number): string {
    const { clock } = this.host;
    return new Date(clock.utc() - (clock.now() - moment)).toISOString();
  }

  /** The deadline of something may have come nearer. Bound, so that it can be handed on. */
  readonly touch = (timed: Timed): void => {
    this.#deadlines.touch(timed);
    this.#arm();
  };

  forget(timed: Timed): void {
    this.#deadlines.remove(timed);
  }

  /** Opens a TAP and joins it to a hub. Throws a `HostError`. `failed` is told when the device goes away. */
  openTap(hub: number, options: TapPortOptions, failed: (error: HostError) => void): TapPort {
    const { mtu = DEFAULT_MTU, busyPollUs = 0 } = options;
    const port = { frameMax: Math.max(mtu + ETHERNET_BYTES, 1600), mssClamp: mssOf(mtu) };
    return this.#openPort(
      hub,
      (handler) => this.host.taps.open(options, handler),
      () => port,
      failed,
      busyPollUs,
    );
  }

  /** Joins an interface of this host to a hub. Throws a `HostError`. `failed` is told when the interface goes away. */
  openBridge(hub: number, options: BridgeOptions, failed: (error: HostError) => void): BridgePort {
    const { bridges } = this.host;
    const name = options.interface;
    const refusal = (code: string, problem: string): HostError => {
      return { doing: 'tap', code, message: `interface "${name}": ${problem} (${code}).` };
    };
    if (bridges === undefined) throw refusal('ENOSYS', 'cannot bridge it: this host cannot do that');
    if ([...this.#taps].some(({ tap }) => tap.name === name)) {
      throw refusal('EBUSY', 'it is a port of a hub already, by its own TAP or a bridge');
    }
    const port = ({ mac, mtu, frameMax }: BridgedInterface): PortOptions => ({
      ...{ frameMax: frameMax + VLAN_TAG_BYTES, mssClamp: mssOf(mtu), checkMac: true, hostMac: mac },
    });
    return this.#openPort(hub, (handler) => bridges.open(options, handler), port, failed, 0);
  }

  #openPort<T extends Tap>(
    hub: number,
    open: (handler: TapHandler) => T,
    options: (tap: T) => PortOptions,
    failed: (error: HostError) => void,
    busyPollUs: number,
  ): TapPort & { readonly tap: T } {
    // The handler is called from the event loop only, when the port is there.
    let port = -1;
    const tap = open({
      readable: () => this.plane.handleTapReadable(port),
      failed: (error) => {
        // While its counters can still be read.
        failed(error);
        this.closeTap(entry);
      },
    });
    try {
      const { tcp: offload, udp: offloadUdp } = tap.offloads;
      port = this.core.openTap(hub, { ...options(tap), noStormLimit: true, offload, offloadUdp });
    } catch (error) {
      tap.close();
      throw error;
    }
    const entry = { port, tap, since: this.host.clock.utc() };
    this.#taps.add(entry);
    this.plane.attachTap(port, tap, busyPollUs / 1000);
    return entry;
  }

  closeTap(entry: TapPort): void {
    if (!this.#taps.delete(entry)) return;
    this.plane.detachTap(entry.port);
    entry.tap.close();
    this.core.closePort(entry.port);
  }

  /** Closes the TAPs and stops the timer. Sessions are their owner's to end before. */
  close(): void {
    this.#closed = true;
    for (const entry of [...this.#taps]) this.closeTap(entry);
    this.#deadlines.remove(this.#housekeeper);
    this.#deadlines.remove(this.#watcher);
    this.#unwatch();
    this.#disarm();
  }

  /** While the machine sleeps the clock of `now` stands still and the wall clock goes on: so does one that was set. */
  #watchClock(): Timed {
    const { clock } = this.host;
    let due = this.now() + WATCH_MS;
    let offset = clock.utc() - clock.now();
    return {
      pollTimeout: () => due,
      handleTimeout: (now) => {
        due = now + WATCH_MS;
        const jump = clock.utc() - clock.now() - offset;
        offset += jump;
        if (Math.abs(jump) > JUMP_MS) this.#wake(undefined);
      },
    };
  }

  #wake(addresses: readonly string[] | undefined): void {
    if (this.#closed) return;
    for (const call of this.#wakeCalls) call(this.now(), addresses);
  }

  #arm(): void {
    const next = this.#deadlines.next();
    if (this.#closed || next >= this.#armedFor) return;
    this.#disarm();
    this.#armedFor = next;
    this.#disarm = this.host.scheduler.after(Math.max(0, next - this.now()), () => {
      this.#armedFor = Number.POSITIVE_INFINITY;
      this.#deadlines.expire(this.now());
      this.#arm();
    });
  }
}

/** What a TCP connection through a port of that MTU may have as its MSS; undefined: as it is (`protocol/data-plane.md` §6.8). */
function mssOf(mtu: number): number | undefined {
  return mtu < DEFAULT_MTU ? mtu - TCP_HEADERS : undefined;
}
