/**
 * Every ten seconds BBR has a connection send next to nothing for 200 ms, so that it sees how short a round trip can be
 * (PROBE_RTT: four segments under way). Whatever is on it then comes late, and between own peers everything behind that
 * waits: with 32 connections a flow inside would stand still every second. So what such a connection has is sent on the
 * others as well, and it is left alone until the kernel is done. Nobody is told of it by the kernel: the congestion window
 * is looked at.
 */

import type { Core } from '../core.ts';
import type { Clock, Scheduler } from '../host.ts';
import { type Gauged, UNLIMITED } from './gauge.ts';

/** Milliseconds between two looks. */
const LOOK_MS = 10;
/** Segments that BBR has under way while it probes. */
const PROBE_WINDOW = 4;
/** A window that was so large before did not shrink to that by itself. */
const WIDE_WINDOW = 4 * PROBE_WINDOW;
/** The probe takes so many milliseconds and a round trip; one that is still seen then takes so many more. */
const PROBE_MS = 200;
const AGAIN_MS = 50;
/** What takes longer than that is no probe: the connection has become slow. */
const PROBE_MOST_MS = 1_000;

interface Watched {
  readonly gauged: Gauged;
  written: boolean;
  /** It had a wide window when it was last looked at and did not probe. */
  wide: boolean;
  /** When its probe was first seen, host's ms; undefined: it does not probe. */
  since: number | undefined;
}

export class Probes {
  readonly #core: Core;
  readonly #clock: Clock;
  readonly #scheduler: Scheduler;
  readonly #rests: () => void;
  readonly #watched = new Map<number, Watched>();
  #looking = false;

  /** @param rests A connection was left alone: what it had is to be sent. */
  constructor(core: Core, clock: Clock, scheduler: Scheduler, rests: () => void) {
    this.#core = core;
    this.#clock = clock;
    this.#scheduler = scheduler;
    this.#rests = rests;
  }

  /** Something was written to the connection. One whose frames could not go elsewhere is not looked at. */
  note(connection: number, gauged: Gauged): void {
    if (gauged.unsentMost === UNLIMITED) return;
    const watched = this.#watched.get(connection);
    if (watched === undefined) {
      this.#watched.set(connection, { gauged, written: true, wide: false, since: undefined });
    } else {
      watched.written = true;
    }
    if (this.#looking) return;
    this.#looking = true;
    this.#scheduler.after(LOOK_MS, this.#look);
  }

  forget(connection: number): void {
    this.#watched.delete(connection);
  }

  readonly #look = (): void => {
    this.#looking = false;
    const now = this.#clock.now();
    let rests = false;
    for (const [connection, watched] of this.#watched) {
      if (!watched.written) continue;
      watched.written = false;
      this.#looking = true;
      if (this.#judge(connection, watched, now)) rests = true;
    }
    if (this.#looking) this.#scheduler.after(LOOK_MS, this.#look);
    if (rests) this.#rests();
  };

  /** Whether it was left alone just now. */
  #judge(connection: number, watched: Watched, now: number): boolean {
    const state = watched.gauged.channel.tcp?.();
    if (state === undefined) return false;
    const { congestionWindow, roundTripMs } = state;
    if (congestionWindow > PROBE_WINDOW) {
      watched.wide = congestionWindow >= WIDE_WINDOW;
      watched.since = undefined;
      return false;
    }
    if (!watched.wide) return false;
    const again = watched.since !== undefined;
    watched.since ??= now;
    if (now - watched.since > PROBE_MOST_MS) {
      watched.wide = false;
      return false;
    }
    return this.#core.restConnection(connection, again ? AGAIN_MS : PROBE_MS + roundTripMs, now);
  }
}
