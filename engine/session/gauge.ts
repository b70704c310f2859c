/**
 * Measures how fast the connections that are sent on drain, by what their peers' kernels acknowledge, and has the core and
 * the kernel act on it: a slow connection gets small batches and holds few unsent bytes, so that what comes later can
 * still overtake, and so that bulk goes to the connection that takes most. Idle connections are not looked at.
 */

import type { Core } from '../core.ts';
import type { Channel, Clock, Scheduler, TcpState } from '../host.ts';
import { Ceiling } from './ceiling.ts';

/** What is measured of a connection. */
export interface Gauged {
  readonly channel: Channel;
  /** The session's port in the core. */
  readonly port: number;
  /** Unsent bytes that the kernel may hold however fast it drains; `UNLIMITED` when nothing could be sent instead. */
  readonly unsentMost: number;
  /** Its queue in the network is to be kept short. */
  readonly restrained: boolean;
}

/** Any number of bytes. */
export const UNLIMITED = 2 ** 32 - 1;

/** Milliseconds between two looks. */
const LOOK_MS = 100;
/** The kernel holds what the connection drains in so many milliseconds, within bounds. */
const UNSENT_MS = 10;
const UNSENT_LEAST = 2 * 1024;
/** What drains faster than that, in bytes per millisecond, is not limited for that. */
const UNSENT_AMPLE = 12_800;
/** Nor is what drains faster than that, even if another connection could take it instead. */
const UNSENT_FAST = 100_000;
/** A limit that would change by less stays. */
const NOTABLE = 0.25;
/** A connection that carries a smaller part of what its session sends, for so many milliseconds, fills no queue. */
const NOTABLE_SHARE = 0.04;
const NOTABLE_MS = 1_000;
/** A rate that grew by so much since the last look will have grown as much again by the next. */
const GROWING = 1.25;

interface Reading {
  readonly gauged: Gauged;
  at: number;
  delivered: number;
  /** Of the tunnel's stream, as the core counts it. */
  received: number;
  /** Bytes per millisecond; 0: not known. */
  rate: number;
  /** Whether more could have been sent all the time. */
  backlogged: boolean;
  /** What the kernel was told last, and by which `unsentMost`. */
  limit: number;
  most: number;
  written: boolean;
  /** Bytes per millisecond that the kernel was told to send at most. */
  ceiling: number;
  /** When it carried a notable part of what its session sends. */
  notableAt: number;
}

/** What one look says of the connections of a session. */
interface PortLook {
  /** Bytes per millisecond, each way. */
  drained: number;
  received: number;
  /** Those that were sent on, and what each drained. */
  readonly busy: { readonly reading: Reading; readonly rate: number }[];
  /** The least by which a round trip is longer than it need be, ms, and the least round trip of that one. */
  queue: number;
  leastRoundTrip: number;
}

export class Gauge {
  readonly #core: Core;
  readonly #clock: Clock;
  readonly #scheduler: Scheduler;
  readonly #readings = new Map<number, Reading>();
  readonly #ports = new Map<number, { readonly ceiling: Ceiling; readonly readings: Set<Reading> }>();
  readonly #find: (connection: number) => Gauged | undefined;
  readonly #revised: () => void;
  #looking = false;

  /** @param find What is known of a connection. @param revised Has the core send what it can send now. */
  constructor(
    core: Core,
    clock: Clock,
    scheduler: Scheduler,
    find: (connection: number) => Gauged | undefined,
    revised: () => void,
  ) {
    this.#revised = revised;
    this.#core = core;
    this.#clock = clock;
    this.#scheduler = scheduler;
    this.#find = find;
  }

  /** Bytes per millisecond that the connection was last seen to drain; undefined when it is not known. */
  rate(connection: number): number | undefined {
    return this.#readings.get(connection)?.rate || undefined;
  }

  /** Something was written to the connection. */
  note(connection: number): void {
    const reading = this.#readings.get(connection);
    if (reading !== undefined) reading.written = true;
    else this.#begin(connection);
    if (this.#looking) return;
    this.#looking = true;
    this.#scheduler.after(LOOK_MS, this.#look);
  }

  forget(connection: number): void {
    const reading = this.#readings.get(connection);
    if (reading === undefined) return;
    this.#readings.delete(connection);
    const port = this.#ports.get(reading.gauged.port);
    port?.readings.delete(reading);
    if (port?.readings.size === 0) this.#ports.delete(reading.gauged.port);
  }

  #begin(connection: number): void {
    const gauged = this.#find(connection);
    if (gauged === undefined) return;
    const delivered = gauged.channel.tcp?.()?.deliveredBytes ?? 0;
    const reading: Reading = {
      received: this.#core.connectionBytes(connection).received,
      ...{ gauged, at: this.#clock.now(), delivered, rate: 0, backlogged: false, written: true },
      ...{ limit: gauged.unsentMost, most: gauged.unsentMost },
      ceiling: Number.POSITIVE_INFINITY,
      notableAt: Number.NEGATIVE_INFINITY,
    };
    this.#readings.set(connection, reading);
    const port = this.#ports.get(gauged.port) ?? { ceiling: new Ceiling(), readings: new Set() };
    this.#ports.set(gauged.port, port);
    port.readings.add(reading);
  }

  readonly #look = (): void => {
    this.#looking = false;
    const now = this.#clock.now();
    const ports = new Map<number, PortLook>();
    for (const [connection, reading] of this.#readings) {
      // What it drained before it rested says nothing of now.
      if (!reading.written) reading.backlogged = false;
      else if (this.#measure(connection, reading, now, ports)) this.#looking = true;
    }
    for (const [port, look] of ports) this.#restrain(port, look, now);
    if (this.#looking) this.#scheduler.after(LOOK_MS, this.#look);
    this.#revised();
  };

  /** False where nothing can be measured. */
  #measure(connection: number, reading: Reading, now: number, ports: Map<number, PortLook>): boolean {
    const { gauged } = reading;
    const state = gauged.channel.tcp?.();
    if (state === undefined) return false;
    const span = Math.max(now - reading.at, 1);
    const rate = (state.deliveredBytes - reading.delivered) / span;
    const before = reading.rate;
    const backlogged = state.unsentBytes > 0 || this.#core.connectionBytes(connection).unsent > 0;
    const full = reading.backlogged && backlogged;
    // Of what had little to send it is only known that it drains no slower.
    if (rate > before) reading.rate = before > 0 || full ? rate : 0;
    else if (full) reading.rate = (before + rate) / 2;
    reading.at = now;
    reading.delivered = state.deliveredBytes;
    reading.backlogged = backlogged;
    reading.written = backlogged;
    if (gauged.restrained) {
      const { received } = this.#core.connectionBytes(connection);
      noteIn(ports, reading, rate, (received - reading.received) / span, state);
      reading.received = received;
    } else if (reading.ceiling !== Number.POSITIVE_INFINITY) {
      // It was when it carried something else.
      reading.ceiling = Number.POSITIVE_INFINITY;
      gauged.channel.limitRate?.(reading.ceiling);
    }
    // What waits for a connection that has stopped may leave on another one.
    if (backlogged) this.#core.revise(gauged.port);
    if (reading.rate === 0) return true;
    const grows = before > 0 && reading.rate > before * GROWING;
    this.#apply(connection, reading, grows ? reading.rate * 2 : reading.rate);
    return true;
  }

  /** All connections of a session together: they may share a bottleneck, and then none of them can tell by itself. */
  #restrain(port: number, look: PortLook, now: number): void {
    const { ceiling, readings } = this.#ports.get(port)!;
    // A round trip has two ways: the queue is most likely that of the side that sends more.
    const queue = look.drained > look.received ? look.queue : 0;
    ceiling.adjust(look.drained, queue, look.leastRoundTrip, now);
    for (const { reading, rate } of look.busy) if (rate > look.drained * NOTABLE_SHARE) reading.notableAt = now;
    const limited = [...readings].filter(
      ({ gauged, notableAt, ceiling: told }) =>
        gauged.restrained && (now - notableAt < NOTABLE_MS || told !== Number.POSITIVE_INFINITY),
    );
    const each = ceiling.value / Math.max(1, limited.length);
    for (const reading of limited) {
      if (reading.ceiling === each) continue;
      reading.ceiling = each;
      reading.gauged.channel.limitRate?.(each * 1000);
    }
  }

  #apply(connection: number, reading: Reading, rate: number): void {
    const { gauged } = reading;
    this.#core.setRate(connection, Math.ceil(rate));
    const bySpeed = rate > UNSENT_AMPLE ? UNLIMITED : Math.max(UNSENT_LEAST, Math.round(rate * UNSENT_MS));
    const limit = rate > UNSENT_FAST ? UNLIMITED : Math.min(gauged.unsentMost, bySpeed);
    if (gauged.unsentMost !== reading.most) {
      // The session has told the kernel so.
      reading.most = reading.limit = gauged.unsentMost;
    }
    if (Math.abs(limit - reading.limit) < reading.limit * NOTABLE) return;
    reading.limit = limit;
    gauged.channel.limitUnsent?.(limit);
  }
}

function noteIn(ports: Map<number, PortLook>, reading: Reading, rate: number, received: number, state: TcpState): void {
  const { port } = reading.gauged;
  const look = ports.get(port) ?? {
    drained: 0,
    received: 0,
    busy: [],
    queue: Number.POSITIVE_INFINITY,
    leastRoundTrip: 0,
  };
  ports.set(port, look);
  look.drained += rate;
  look.received += received;
  look.busy.push({ reading, rate });
  // A lone segment waits for its acknowledgement: the shortest round trip says most of the network.
  const queue = state.roundTripMs - state.leastRoundTripMs;
  if (queue >= look.queue) return;
  look.queue = queue;
  look.leastRoundTrip = state.leastRoundTripMs;
}
