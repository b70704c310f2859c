/**
 * Keeps the queue in front of a bottleneck short. BBR fills up to a round trip's worth of it where its estimate of the
 * bandwidth is too high, as it is behind equipment that sends in bursts, and several connections fill one each. So a
 * session whose round trips have grown sends a little less than the line carries, until the queue is gone. A queue that does
 * not get shorter by that is other people's: then it is left to BBR to have its share of the line.
 */

/** Milliseconds of queue that may stand, or that part of the least round trip, whichever is more. */
const QUEUE_MS = 4;
const QUEUE_SHARE = 0.2;
/** A queue of fewer bytes is none: round trips differ by more than it, as a lone segment's acknowledgement is delayed. */
const QUEUE_BYTES = 8_192;
/** For each of so many milliseconds more one part less is sent, down to that part of what the line carries. */
const GAIN_MS = 150;
const LEAST_GAIN = 0.75;
/**
 * Without a queue it is soon this part of what the line has carried. From there on more may fit by now: with each look
 * this times the square of the looks so far, and so much at most.
 */
const NEAR = 0.985;
const GROWTH = 0.001;
const GROWTH_MOST = 0.25;
/** What is so much more than what is sent limits nothing. */
const IDLE = 3;
/** No line is so slow, in bytes per millisecond: what was told to send as slowly would not notice for long that it need not. */
const LEAST = 100;
/**
 * What the line carries is the mean of so many looks, all of which saw the queue: a single one may have seen a burst, or a
 * connection that has just begun.
 */
const LOOKS = 3;
/** A last look that saw so much more than the mean: it still gets faster, and what the line carries is not known yet. */
const RAMP = 1.1;
/**
 * A queue that is so many times as long as may stand, has been there for so long, and is still that part of what it was, is
 * not ours; for how long it is let be. A shorter one is what is wanted, near enough.
 */
const OTHERS_TIMES = 3;
const PATIENCE_MS = 2_000;
const STUBBORN = 0.7;
const REST_MS = 10_000;

export class Ceiling {
  /** Bytes per millisecond; Infinity: none. */
  value = Number.POSITIVE_INFINITY;
  /** The last that all saw a queue, or that all saw none. */
  #looks: number[] = [];
  /** Looks in a row without a queue. */
  #clear = 0;
  /** What the line has carried since the queue is there, and what it had when there was one last; 0: not known. */
  #carried = 0;
  #line = 0;
  #queueSince: number | undefined;
  #firstQueue = 0;
  #restUntil = Number.NEGATIVE_INFINITY;

  /**
   * What was measured of a session: bytes per millisecond that it drained, by how much the round trip is longer than the
   * least one, and that one, ms.
   */
  adjust(drained: number, queue: number, leastRoundTripMs: number, now: number): void {
    const may = Math.max(QUEUE_MS, leastRoundTripMs * QUEUE_SHARE);
    const tooMuch = queue - may;
    if (tooMuch <= 0 || queue * drained < QUEUE_BYTES) return this.#grow(drained);
    if (this.#clear > 0) this.#looks = [];
    this.#clear = 0;
    const carried = this.#mean(drained);
    if (now < this.#restUntil) return;
    const gain = Math.max(LEAST_GAIN, 1 - tooMuch / GAIN_MS);
    if (carried === 0) {
      // It is most likely the line that it was.
      if (this.#line > 0) this.value = Math.min(this.value, Math.max(LEAST, this.#line * gain));
      return;
    }
    if (this.#line === 0 && drained > carried * RAMP) return;
    if (queue > may * OTHERS_TIMES && this.#isOthers(queue, now)) {
      this.value = Number.POSITIVE_INFINITY;
      this.#line = 0;
      this.#queueSince = undefined;
      this.#restUntil = now + REST_MS;
    } else {
      // With a queue what drains is what the line carries; as soon as less is sent it is no more.
      this.#carried = Math.max(this.#carried, carried);
      this.#line = this.#carried;
      this.value = Math.max(LEAST, this.#carried * gain);
    }
  }

  #grow(drained: number): void {
    if (this.#clear++ === 0) this.#looks = [];
    this.#carried = 0;
    this.#queueSince = undefined;
    // What passed without a queue the line carries at the least: a cut must not fall behind what was found out since the last.
    if (this.#line > 0) this.#line = Math.max(this.#line, this.#mean(drained));
    this.value = Math.max(this.value, this.#line * NEAR) * (1 + Math.min(GROWTH_MOST, this.#clear ** 2 * GROWTH));
    if (this.value <= Math.max(drained, LEAST) * IDLE) return;
    this.value = Number.POSITIVE_INFINITY;
    this.#line = 0;
  }

  /** Of this look and those before it; 0: there are too few of them. */
  #mean(drained: number): number {
    this.#looks = [...this.#looks, drained].slice(-LOOKS);
    return this.#looks.length < LOOKS ? 0 : this.#looks.reduce((sum, look) => sum + look, 0) / LOOKS;
  }

  #isOthers(queue: number, now: number): boolean {
    if (this.#queueSince !== undefined && now - this.#queueSince <= PATIENCE_MS) return false;
    const others = this.#queueSince !== undefined && queue > this.#firstQueue * STUBBORN;
    this.#queueSince = now;
    this.#firstQueue = queue;
    return others;
  }
}
