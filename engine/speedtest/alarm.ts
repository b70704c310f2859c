import { Deadlines, type Timed } from '../deadlines.ts';
import type { Clock, Scheduler } from '../host.ts';

/** The host's one timer, for everything that waits for a moment. */
export class Alarm {
  readonly #clock: Clock;
  readonly #scheduler: Scheduler;
  readonly #deadlines = new Deadlines();
  #armedFor = Number.POSITIVE_INFINITY;
  #disarm: () => void = () => {};
  #closed = false;

  constructor({ clock, scheduler }: { readonly clock: Clock; readonly scheduler: Scheduler }) {
    this.#clock = clock;
    this.#scheduler = scheduler;
  }

  /** The deadline of something may have come nearer. */
  touch(timed: Timed): void {
    this.#deadlines.touch(timed);
    this.#arm();
  }

  forget(timed: Timed): void {
    this.#deadlines.remove(timed);
  }

  close(): void {
    this.#closed = true;
    this.#disarm();
  }

  #arm(): void {
    const next = this.#deadlines.next();
    if (this.#closed || next >= this.#armedFor) return;
    this.#disarm();
    this.#armedFor = next;
    this.#disarm = this.#scheduler.after(Math.max(0, next - this.#clock.now()), () => {
      this.#armedFor = Number.POSITIVE_INFINITY;
      this.#deadlines.expire(this.#clock.now());
      this.#arm();
    });
  }
}
