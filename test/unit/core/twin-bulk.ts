/**
 * The plain twin of a port's bulk queue, `assembly/queue/bulk.ts` and `lanes.ts`: flows in 32 places, two lists of them,
 * and the rules of RFC 8290 and RFC 8289 as they read.
 */

const PLACES = 32;
const PROBES = 4;
const QUANTUM = 1_514;
export const PAUSE_MS = 200;
const TARGET_MS = 20;
const INTERVAL_MS = 100;

export interface Queued<F> {
  readonly frame: F;
  readonly length: number;
  readonly at: number;
}

export class Flow<F, C> {
  readonly frames: Queued<F>[] = [];
  deficit = 0;
  tag: number | undefined;
  lane: C | undefined;
  used = 0;
  lateAt: number | undefined;
  dropping = false;
  dropAt = 0;
  count = 0;
  lastCount = 0;

  get bytes(): number {
    return this.frames.reduce((sum, { length }) => sum + length, 0);
  }
}

export class TwinBulk<F, C> {
  readonly places = Array.from({ length: PLACES }, () => new Flow<F, C>());
  #fresh: Flow<F, C>[] = [];
  #served: Flow<F, C>[] = [];
  readonly #dropped: (frame: F, late: boolean) => void;
  readonly #late: boolean;

  /** @param late Whether frames that have waited for too long are dropped. */
  constructor(dropped: (frame: F, late: boolean) => void, late: boolean) {
    this.#dropped = dropped;
    this.#late = late;
  }

  get frames(): F[] {
    return this.places.flatMap((flow) => flow.frames.map(({ frame }) => frame));
  }

  get bytes(): number {
    return this.places.reduce((sum, flow) => sum + flow.bytes, 0);
  }

  /** Flows that are in a list, those with their first turn in front. */
  get active(): readonly Flow<F, C>[] {
    return [...this.#fresh, ...this.#served];
  }

  push(frame: F, length: number, tag: number, now: number): void {
    const flow = this.#find(tag);
    // Time stamps have sixteenths of a millisecond.
    flow.frames.push({ frame, length, at: Math.floor(now * 16) / 16 });
    if (!this.active.includes(flow)) {
      if (flow.tag !== tag || now - flow.used > PAUSE_MS) flow.lane = undefined;
      flow.tag = tag;
      flow.deficit = QUANTUM;
      this.#fresh.push(flow);
    }
    flow.used = now;
  }

  /** The flow whose first frame is to leave next, of those that `wanted` says. */
  next(now: number, wanted: (flow: Flow<F, C>) => boolean): Flow<F, C> | undefined {
    for (;;) {
      const flow = this.#fresh.find(wanted) ?? this.#served.find(wanted);
      if (flow === undefined) return undefined;
      const fresh = this.#fresh.includes(flow);
      if (flow.deficit <= 0) {
        flow.deficit += QUANTUM;
        this.#remove(flow);
        this.#served.push(flow);
        continue;
      }
      if (this.#late) this.#dropLate(flow, now);
      if (flow.frames.length > 0) return flow;
      this.#remove(flow);
      if (fresh && this.#served.length > 0) this.#served.push(flow);
    }
  }

  take(flow: Flow<F, C>, now: number): Queued<F> {
    flow.used = now;
    const taken = flow.frames.shift()!;
    flow.deficit -= taken.length;
    return taken;
  }

  /** False when there is nothing. */
  dropOfLongest(): boolean {
    const longest = this.places.reduce((best, flow) => (flow.bytes > best.bytes ? flow : best));
    const first = longest.frames.shift();
    if (first !== undefined) this.#dropped(first.frame, false);
    return first !== undefined;
  }

  #remove(flow: Flow<F, C>): void {
    this.#fresh = this.#fresh.filter((each) => each !== flow);
    this.#served = this.#served.filter((each) => each !== flow);
  }

  #find(tag: number): Flow<F, C> {
    const probed = Array.from({ length: PROBES }, (_, i) => this.places[(tag + i) % PLACES]!);
    return probed.find((flow) => flow.tag === tag) ?? probed.find((flow) => !this.active.includes(flow)) ?? probed[0]!;
  }

  #dropLate(flow: Flow<F, C>, now: number): void {
    let late = this.#isLate(flow, now);
    if (flow.dropping) {
      if (!late) flow.dropping = false;
      while (flow.dropping && now >= flow.dropAt) {
        this.#dropped(flow.frames.shift()!.frame, true);
        flow.count++;
        late = this.#isLate(flow, now);
        if (late) flow.dropAt += INTERVAL_MS / Math.sqrt(flow.count);
        else flow.dropping = false;
      }
    } else if (late) {
      this.#dropped(flow.frames.shift()!.frame, true);
      this.#isLate(flow, now);
      flow.dropping = true;
      const more = flow.count - flow.lastCount;
      flow.count = more > 1 && now - flow.dropAt < 16 * INTERVAL_MS ? more : 1;
      flow.lastCount = flow.count;
      flow.dropAt = now + INTERVAL_MS / Math.sqrt(flow.count);
    }
  }

  #isLate(flow: Flow<F, C>, now: number): boolean {
    const [first, second] = flow.frames;
    if (first === undefined || second === undefined || Math.floor(now * 16) / 16 - first.at < TARGET_MS) {
      flow.lateAt = undefined;
      return false;
    }
    flow.lateAt ??= now + INTERVAL_MS;
    return now >= flow.lateAt;
  }
}
