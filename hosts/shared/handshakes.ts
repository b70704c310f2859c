/** Milliseconds for a peer to finish the TLS handshake; SoftEther allows the same (`protocol/control-plane.md` §1.2). */
export const HANDSHAKE_MS = 15_000;

/**
 * TLS handshakes that one listener has under way at a time. A handshake in progress costs some 100 KiB, so this
 * bounds what strangers can make us hold to 25 MiB; at a millisecond or two of CPU for each, no more than this could
 * be finished within a second or so anyway.
 */
export const MAX_HANDSHAKES = 256;

/**
 * The connections of a listener whose handshake is not over. When there are too many, the one that has been dawdling
 * longest goes: an honest peer needs two round trips, so a flood of silent connections pushes itself out, where
 * refusing newcomers would let it shut everybody out for the whole time limit.
 */
export class Handshakes<Key> {
  readonly #pending = new Map<Key, () => void>();

  get size(): number {
    return this.#pending.size;
  }

  /** @param evict Closes the connection. */
  begin(key: Key, evict: () => void): void {
    if (this.#pending.size >= MAX_HANDSHAKES) {
      const [oldest] = this.#pending;
      if (oldest !== undefined) {
        this.#pending.delete(oldest[0]);
        oldest[1]();
      }
    }
    this.#pending.set(key, evict);
  }

  /** The handshake is over, one way or the other. */
  end(key: Key): void {
    this.#pending.delete(key);
  }

  /** Closes all of them. */
  clear(): void {
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const evict of pending) evict();
  }
}
