/** Time, chance and the order of events in the simulator: everything follows from one seed. */

interface Event {
  readonly at: number;
  readonly order: number;
  readonly call: () => void;
}

export class World {
  now = 1_000;
  readonly seed: number;
  readonly #events: Event[] = [];
  #soon: (() => void)[] = [];
  #order = 0;
  #state: number;

  constructor(seed = 1) {
    this.seed = seed;
    this.#state = seed >>> 0 || 1;
  }

  /** mulberry32: [0, 1). */
  chance(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000;
  }

  /** 0 to `below` - 1. */
  pick(below: number): number {
    return Math.floor(this.chance() * below);
  }

  bytes(count: number): Uint8Array<ArrayBuffer> {
    return Uint8Array.from({ length: count }, () => this.pick(256));
  }

  after(ms: number, call: () => void): () => void {
    const event = { at: this.now + Math.max(0, ms), order: this.#order++, call };
    this.#events.push(event);
    return () => {
      const at = this.#events.indexOf(event);
      if (at >= 0) this.#events.splice(at, 1);
    };
  }

  soon(call: () => void): void {
    this.#soon.push(call);
  }

  /** Lets `ms` pass, with everything that happens in them. Promises settle in between. */
  async run(ms: number): Promise<void> {
    const end = this.now + ms;
    for (;;) {
      await this.#settle();
      const event = this.#next();
      if (event === undefined || event.at > end) break;
      this.now = Math.max(this.now, event.at);
      this.#events.splice(this.#events.indexOf(event), 1);
      event.call();
    }
    this.now = end;
  }

  /** Runs until `condition` holds; throws after `limitMs`. */
  async until(condition: () => boolean, limitMs = 60_000): Promise<void> {
    const end = this.now + limitMs;
    while (!condition()) {
      if (this.now >= end) throw new Error(`seed ${this.seed}: not within ${limitMs} ms: ${condition}`);
      await this.run(10);
    }
  }

  async #settle(): Promise<void> {
    for (let i = 0; i < 10_000; i++) {
      // Enough turns of the microtask queue for a chain of a few promises.
      for (let k = 0; k < 8; k++) await Promise.resolve();
      if (this.#soon.length === 0) return;
      const calls = this.#soon;
      this.#soon = [];
      for (const call of calls) call();
    }
    throw new Error(`seed ${this.seed}: the turns do not come to an end`);
  }

  #next(): Event | undefined {
    let best: Event | undefined;
    for (const event of this.#events) {
      if (best === undefined || event.at < best.at || (event.at === best.at && event.order < best.order)) best = event;
    }
    return best;
  }
}
