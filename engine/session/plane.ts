/**
 * Between the host's channels and TAPs and the core: batches only. What the channels received in one turn of the event
 * loop goes into the core together, and what that makes ready leaves together.
 */

import type { Core, Punted } from '../core.ts';
import type { Clock, Scheduler, Tap } from '../host.ts';
import { Gauge, type Gauged } from './gauge.ts';
import { Probes } from './probes.ts';

/** What the plane has to know of a connection in its tunnel phase. */
export interface Lane extends Gauged {
  /** The peer broke the rules of the stream. */
  failed(cause: string): void;
  /** The peer has sent its last on this connection. */
  retired(): void;
}

interface TapPort {
  readonly tap: Tap;
  /** Frames are being fetched on every turn; the poller rests. */
  busy: boolean;
  /** The poller will tell of the next frame. */
  armed: boolean;
  readonly busyPollMs: number;
  /** Until when they are fetched although there were none, host's ms. */
  busyUntil: number;
  /** When there were frames last, host's ms. */
  lastFrames: number;
}

/**
 * Bytes of a TAP in one turn of the event loop: so little that they are still in the processor's cache when they are
 * encrypted, so much that the turn costs nothing beside them.
 */
const TAP_READ_BYTES = 256 * 1024;
/**
 * After so many ms without a turn the next bytes are handled at once. While there is traffic they wait for the others of
 * their turn: what comes together costs little more than one of it.
 */
const SILENCE_MS = 1;
/** So few frames after silence are most likely all that there are: the poller knows of more sooner than another look would. */
const FEW_FRAMES = 2;
/** How often it is looked, in the time that frames may wait for earlier ones. */
const LATE_LOOKS = 5;
/** Milliseconds between two looks at sessions that wait for their peers' word or owe it: a tenth of what a stall takes. */
const TEND_MS = 25;
/** So late this process stood still, and what the peers have said meanwhile has not been read yet. */
const TEND_LATE_MS = 100;

export class Plane {
  readonly #core: Core;
  readonly #clock: Clock;
  readonly #scheduler: Scheduler;
  readonly #lanes = new Map<number, Lane>();
  readonly #gauge: Gauge;
  readonly #probes: Probes;
  readonly #taps = new Map<number, TapPort>();
  /** Connections that are not read, because a queue is full of their frames. */
  readonly #held = new Set<number>();
  /** Ports with frames that wait for earlier ones. */
  readonly #late = new Set<number>();
  /** Ports that are to be tended: `Core.tend`. */
  readonly #tended = new Set<number>();
  /** When they are tended next, host's ms; Infinity: the last time came too late. */
  #tendAt = 0;
  /** Who gets the frames that a hub's `Core.setPunts` asks for. */
  readonly #punts = new Map<number, (punted: Punted) => void>();
  /** Links between hubs of this core. */
  #links = 0;
  /** Free places in the core's read table, as it said last. */
  #places = 0;
  #turnIsDue = false;
  /** The TAP that is read again although it had nothing. */
  #polled: Tap | undefined;
  #sending = false;
  #holdEnds = false;
  /** When frames that wait for a limit or a rule are looked at, host's ms; Infinity: nobody waits. */
  #dueAt = Number.POSITIVE_INFINITY;
  /** When the last turn was, host's ms. */
  #lastTurn = 0;

  constructor(core: Core, clock: Clock, scheduler: Scheduler) {
    this.#core = core;
    this.#clock = clock;
    this.#scheduler = scheduler;
    this.#gauge = new Gauge(
      core,
      clock,
      scheduler,
      (connection) => this.#lanes.get(connection),
      () => this.wake(),
    );
    this.#probes = new Probes(core, clock, scheduler, () => this.wake());
  }

  /** Connections in their tunnel phase. */
  get connections(): number {
    return this.#lanes.size;
  }

  /** Bytes per millisecond that the connection drains, as it was seen last; undefined when that is not known. */
  drainRate(connection: number): number | undefined {
    return this.#gauge.rate(connection);
  }

  /** The connection has left its login behind: from now on its bytes are the tunnel's. */
  attach(connection: number, lane: Lane): void {
    this.#lanes.set(connection, lane);
    this.wake();
  }

  detach(connection: number): void {
    this.#gauge.forget(connection);
    this.#probes.forget(connection);
    this.#lanes.delete(connection);
    this.#held.delete(connection);
    this.#core.closeConnection(connection, this.#clock.now());
    // What waited for it, or for the buffer that it held, can leave now.
    this.wake();
  }

  /** `handle` is called in the turn in which a frame came that was asked for with `Core.setPunts`. */
  onPunt(hub: number, handle: (punted: Punted) => void): void {
    this.#punts.set(hub, handle);
  }

  /** Nobody of the hub listens any more. */
  offPunt(hub: number): void {
    this.#punts.delete(hub);
  }

  /** Has a frame of the engine's own leave by a port at the end of this turn. */
  inject(port: number, frame: Uint8Array): boolean {
    const queued = this.#core.inject(port, frame, this.#clock.now());
    this.wake();
    return queued;
  }

  /** A link between hubs was opened, or closed: `Core.openLink`. */
  countLinks(difference: 1 | -1): void {
    this.#links += difference;
  }

  attachTap(port: number, tap: Tap, busyPollMs: number): void {
    this.#taps.set(port, { tap, busy: false, armed: true, busyPollMs, busyUntil: 0, lastFrames: 0 });
    this.#places = this.#core.tapRead(port, 0, this.#clock.now());
    tap.arm();
  }

  detachTap(port: number): void {
    this.#taps.delete(port);
  }

  handleBytes(connection: number, bytes: Uint8Array): void {
    let rest = bytes;
    for (;;) {
      const room = this.#core.inboxRoom;
      if (rest.length <= room) break;
      if (room > 0) this.#core.push(connection, rest.subarray(0, room));
      rest = rest.subarray(room);
      this.#receive();
      this.#send();
    }
    this.#core.push(connection, rest);
    if (!this.#turnIsDue && this.#clock.now() - this.#lastTurn > SILENCE_MS) this.#turn();
    else this.wake();
  }

  handleWritable(connection: number): void {
    if (this.#core.connectionWritable(connection)) this.wake();
  }

  handleTapReadable(port: number): void {
    const entry = this.#taps.get(port);
    if (entry === undefined) return;
    entry.armed = false;
    if (entry.busy) return;
    entry.busy = true;
    this.#readTap(port, entry);
    this.#send();
    this.#armTaps();
  }

  /** Has everything that waits sent at the end of this turn of the event loop. */
  wake(): void {
    if (this.#turnIsDue) return;
    this.#turnIsDue = true;
    this.#scheduler.soon(this.#turn);
  }

  readonly #turn = (): void => {
    this.#turnIsDue = false;
    this.#lastTurn = this.#clock.now();
    this.#receive();
    for (const connection of this.#held) this.#release(connection);
    for (const [port, entry] of this.#taps) {
      if (entry.busy) this.#readTap(port, entry);
    }
    this.#send();
    this.#armTaps();
    if (this.#polled === undefined) return;
    // Who got a frame just now may wait for this very processor; the scheduler would let us go on for milliseconds.
    this.#polled.giveWay?.();
    this.#polled = undefined;
  };

  #receive(): void {
    this.#core.receive(
      this.#clock.now(),
      (connection, cause) => this.#lanes.get(connection)?.failed(cause),
      (connection) => this.#lanes.get(connection)?.retired(),
      (connection) => this.#hold(connection),
      (connection) => this.#awaitLate(connection),
      (connection) => this.#tend(this.#lanes.get(connection)?.port),
    );
  }

  /** Frames wait for others that may never come: they are not forgotten when nothing else comes either. */
  #awaitLate(connection: number): void {
    const port = this.#lanes.get(connection)?.port;
    if (port === undefined || this.#late.has(port)) return;
    this.#late.add(port);
    this.#scheduler.after(this.#core.orderMs, () => this.#releaseLate(port));
  }

  #releaseLate(port: number): void {
    // It may have been closed meanwhile.
    if (!this.#late.has(port)) return;
    if (this.#core.releaseLate(port, this.#clock.now())) {
      this.#scheduler.after(this.#core.orderMs / LATE_LOOKS, () => this.#releaseLate(port));
    } else {
      this.#late.delete(port);
    }
    this.wake();
  }

  #tend(port: number | undefined): void {
    if (port === undefined || this.#tended.has(port)) return;
    this.#tended.add(port);
    if (this.#tended.size === 1) this.#tendLater();
  }

  #tendLater(): void {
    this.#tendAt = this.#clock.now() + TEND_MS;
    this.#scheduler.after(TEND_MS, this.#tendAll);
  }

  /** A port that was closed meanwhile has nothing to tend. */
  readonly #tendAll = (): void => {
    const now = this.#clock.now();
    if (now - this.#tendAt > TEND_LATE_MS) {
      this.#tendAt = Number.POSITIVE_INFINITY;
      this.#scheduler.after(0, this.#tendAll);
      return;
    }
    for (const port of this.#tended) if (!this.#core.tend(port, now)) this.#tended.delete(port);
    if (this.#tended.size > 0) this.#tendLater();
    this.wake();
  };

  #hold(connection: number): void {
    const lane = this.#lanes.get(connection);
    if (lane === undefined) return;
    lane.channel.pause();
    this.#held.add(connection);
    this.#awaitRelease();
  }

  #release(connection: number): void {
    if (this.#core.isHeld(connection, this.#clock.now())) return this.#awaitRelease();
    this.#held.delete(connection);
    this.#lanes.get(connection)?.channel.resume();
  }

  /** One batch. As long as there was something the next turn looks again; where nothing more is to be expected the poller does. */
  #readTap(port: number, entry: TapPort): void {
    const now = this.#clock.now();
    if (this.#core.isTapHeld(port, now)) return this.#awaitRelease();
    const frames = this.#places === 0 ? 0 : entry.tap.read(this.#core.readBatch, this.#places, TAP_READ_BYTES);
    if (frames > 0) {
      const lone = frames <= FEW_FRAMES && frames < this.#places && now - entry.lastFrames > SILENCE_MS;
      entry.lastFrames = now;
      entry.busyUntil = now + entry.busyPollMs;
      if (lone && now >= entry.busyUntil) entry.busy = false;
    } else if (now < entry.busyUntil) {
      this.#polled = entry.tap;
      return this.wake();
    } else if (this.#places > 0) {
      entry.busy = false;
      return;
    }
    // Also with no frames: the core may have free places again.
    this.#places = this.#core.tapRead(port, frames, now);
    if (entry.busy) this.wake();
  }

  /** After what could be sent: nobody waits for it. */
  #armTaps(): void {
    for (const entry of this.#taps.values()) {
      if (entry.busy || entry.armed) continue;
      entry.armed = true;
      entry.tap.arm();
    }
  }

  /** A connection that takes bytes again has the next turn look; so does this, when none does. */
  #awaitRelease(): void {
    if (this.#holdEnds) return;
    this.#holdEnds = true;
    this.#scheduler.after(this.#core.holdMs, () => {
      this.#holdEnds = false;
      this.wake();
    });
  }

  #send(): void {
    // A channel that calls back while it is written to must not start a second round on the same offer.
    if (this.#sending) return this.wake();
    this.#sending = true;
    try {
      const now = this.#clock.now();
      // First: what goes on may go into a link.
      if (this.#core.dueAt <= now) this.#core.goOn(now);
      if (this.#links > 0) this.#moveLinks(now);
      if (this.#core.hasPunted) this.#handPunted();
      this.#writeTaps();
      for (let offers = this.#core.fill(now); offers > 0; offers = this.#core.fill(now)) {
        for (let i = 0; i < offers; i++) this.#write(i);
      }
    } finally {
      this.#sending = false;
    }
    if (this.#core.dueAt < this.#dueAt) this.#awaitDue();
  }

  /** A time that comes earlier than the one that is awaited has a timer of its own. */
  #awaitDue(): void {
    const due = this.#core.dueAt;
    this.#dueAt = due;
    this.#scheduler.after(Math.max(0, due - this.#clock.now()), () => {
      if (this.#dueAt === due) this.#dueAt = Number.POSITIVE_INFINITY;
      this.wake();
    });
  }

  #moveLinks(now: number): void {
    const left = this.#core.moveLinks(now);
    if (left === 'more') this.wake();
    else if (left === 'waits') this.#awaitRelease();
  }

  #handPunted(): void {
    for (const punted of this.#core.takePunted()) this.#punts.get(punted.hub)?.(punted);
  }

  #write(offer: number): void {
    const connection = this.#core.offeredConnection(offer);
    const lane = connection === undefined ? undefined : this.#lanes.get(connection);
    if (lane === undefined) return this.#core.written(offer, 0, false);
    const { channel } = lane;
    const taken = channel.write(this.#core.offeredBytes(offer));
    this.#tend(lane.port);
    this.#gauge.note(connection!);
    this.#probes.note(connection!, lane);
    this.#core.written(offer, taken, channel.writable);
  }

  #writeTaps(): void {
    for (const port of this.#core.takeReadyTaps()) {
      const tap = this.#taps.get(port)?.tap;
      // What a TAP does not take is lost, as on a wire: holding it would hold up everyone else (data-plane.md, C.7).
      for (let frames = this.#core.tapWrite(port); frames > 0; frames = this.#core.tapWrite(port)) {
        tap?.write(this.#core.writeBatch, frames);
      }
    }
  }
}
