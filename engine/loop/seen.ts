/** How long a probe is remembered, at least: longer than it takes to go round a loop. */
const MEMORY_MS = 4_000;
/** Probes that one generation remembers. */
const MOST = 8_192;

/** Which probes were passed on already: each is passed on once, by whatever ways it comes. */
export class Seen {
  #young = new Set<string>();
  #old = new Set<string>();
  #turned = Number.NEGATIVE_INFINITY;

  /** Whether it is the first time, and there is room to remember it. */
  first(key: string, now: number): boolean {
    if (now - this.#turned > MEMORY_MS) {
      this.#old = now - this.#turned > 2 * MEMORY_MS ? new Set() : this.#young;
      this.#young = new Set();
      this.#turned = now;
    }
    if (this.#young.has(key) || this.#old.has(key) || this.#young.size >= MOST) return false;
    this.#young.add(key);
    return true;
  }
}
