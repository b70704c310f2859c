/**
 * Measures how fast the connections that are sent on drain, by what their peers' kernels acknowledge, and has the core and
 * the kernel act on it: a slow connection gets small batches and holds few unsent bytes, so that what comes later can
 * still overtake, and so that bulk goes to the connection that takes most. Idle connections are not looked at.
 */

import type { Core } from '../core.ts';
import type { Channel, Clock, Scheduler } from '../host.ts';

/** What is measured of a connection. */
export interface Gauged {
  readonly channel: Channel;
  /** The session's port in the core. */
  readonly port: number;
  /** Unsent bytes that the kernel may hold however fast it drains; `UNLIMITED` when nothing could be sent instead. */
  readonly unsentMost: number;
}

/** Any number of bytes. */
export const UNLIMITED = 2 ** 32 - 1;

/** Milliseconds between two looks. */
const LOOK_MS = 100;
/** The kernel holds what the connection drains in so many milliseconds, within bounds. */
const UNSENT_MS = 10;
const UNSENT_LEAST = 24 * 1024;
/** What drains faster than that, in bytes per millisecond, is not limited for that. */
const UNSENT_AMPLE = 12_800;
/** A limit that would change by less stays. */
const NOTABLE = 0.25;
/** A rate that grew by so much since the last look will have grown as much again by the next. */
const GROWING = 1.25;

interface Reading {
  at: number;
  delivered: number;
  /** Bytes per millisecond; 0: not known. */
  rate: number;
  /** Whether more could have been sent all the time. */
  backlogged: boolean;
  /** What the kernel was told last. */
  limit: number;
  written: boolean;
}

export class Gauge {
  readonly #core: Core;
  readonly #clock: Clock;
  readonly #scheduler: Scheduler;
  readonly #readings = new Map<number, Reading>();
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
    this.#readings.delete(connection);
  }

  #begin(connection: number): void {
    const delivered = this.#find(connection)?.channel.tcp?.()?.deliveredBytes ?? 0;
    const at = this.#clock.now();
    this.#readings.set(connection, { at, delivered, rate: 0, backlogged: false, limit: UNLIMITED, written: true });
  }

  readonly #look = (): void => {
    this.#looking = false;
    const now = this.#clock.now();
    for (const [connection, reading] of this.#readings) {
      // What it drained before it rested says nothing of now.
      if (!reading.written) reading.backlogged = false;
      else if (this.#measure(connection, reading, now)) this.#looking = true;
    }
    if (this.#looking) this.#scheduler.after(LOOK_MS, this.#look);
    this.#revised();
  };

  /** False where nothing can be measured. */
  #measure(connection: number, reading: Reading, now: number): boolean {
    const gauged = this.#find(connection);
    const state = gauged?.channel.tcp?.();
    if (gauged === undefined || state === undefined) return false;
    const span = Math.max(now - reading.at, 1);
    const rate = (state.deliveredBytes - reading.delivered) / span;
    const before = reading.rate;
    const backlogged = state.unsentBytes > 0 || this.#core.connectionBytes(connection).unsent > 0;
    // Of what had little to send it is only known that it drains no slower.
    if (rate > before) reading.rate = before > 0 || (reading.backlogged && backlogged) ? rate : 0;
    else if (reading.backlogged && backlogged) reading.rate = (before + rate) / 2;
    reading.at = now;
    reading.delivered = state.deliveredBytes;
    reading.backlogged = backlogged;
    reading.written = backlogged;
    // What waits for a connection that has stopped may leave on another one.
    if (backlogged) this.#core.revise(gauged.port);
    if (reading.rate === 0) return true;
    const grows = before > 0 && reading.rate > before * GROWING;
    this.#apply(connection, gauged, reading, grows ? reading.rate * 2 : reading.rate);
    return true;
  }

  #apply(connection: number, gauged: Gauged, reading: Reading, rate: number): void {
    this.#core.setRate(connection, Math.ceil(rate));
    const bySpeed = rate > UNSENT_AMPLE ? UNLIMITED : Math.max(UNSENT_LEAST, Math.round(rate * UNSENT_MS));
    const limit = Math.min(gauged.unsentMost, bySpeed);
    if (Math.abs(limit - reading.limit) < reading.limit * NOTABLE) return;
    reading.limit = limit;
    gauged.channel.limitUnsent?.(limit);
  }
}
