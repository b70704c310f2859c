/** Something that wants to be called when its time has come. Both methods are pure with regard to time: `now` goes in. */
export interface Timed {
  /** When `handleTimeout` is due, in the host's milliseconds; Infinity when there is nothing to wait for. */
  pollTimeout(): number;
  /** Must move `pollTimeout` into the future, or to Infinity. */
  handleTimeout(now: number): void;
}

interface Entry {
  readonly at: number;
  readonly timed: Timed;
}

/**
 * All deadlines of a node, of which the host's one timer waits for the next. A binary heap; an entry that was overtaken
 * stays in it and is passed over when its time comes, so that moving a deadline costs nothing but a push.
 */
export class Deadlines {
  readonly #heap: Entry[] = [];
  readonly #at = new Map<Timed, number>();

  /** To be called whenever the deadline of something may have come nearer. */
  touch(timed: Timed): void {
    const at = timed.pollTimeout();
    if (at === Number.POSITIVE_INFINITY || at >= (this.#at.get(timed) ?? Number.POSITIVE_INFINITY)) return;
    this.#at.set(timed, at);
    this.#push({ at, timed });
  }

  /** Forgets something that has ended. */
  remove(timed: Timed): void {
    this.#at.delete(timed);
  }

  /** When `expire` is due; Infinity when nothing waits. */
  next(): number {
    while (this.#heap.length > 0 && !this.#current(this.#heap[0]!)) this.#pop();
    return this.#heap[0]?.at ?? Number.POSITIVE_INFINITY;
  }

  /** Calls everything whose time has come. */
  expire(now: number): void {
    while (this.next() <= now) {
      const { timed } = this.#pop();
      this.#at.delete(timed);
      if (timed.pollTimeout() <= now) timed.handleTimeout(now);
      this.touch(timed);
    }
  }

  #current(entry: Entry): boolean {
    return this.#at.get(entry.timed) === entry.at;
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(entry);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent]!.at <= entry.at) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = entry;
  }

  #pop(): Entry {
    const heap = this.#heap;
    const first = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.at < heap[child]!.at) child++;
      if (heap[child]!.at >= last.at) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}
