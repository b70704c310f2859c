import { Epoll } from './epoll.ts';
import type { Libc } from './libc.ts';

/** What waits on an epoll set for one runtime, and calls from the event loop when something in it is ready. */
export interface Waiter {
  /** Stops waiting and closes the epoll set, which it owns. */
  stop(): void;
}

/** @param report To be called in a turn of the event loop, once for each ready token. */
export type StartWaiter = (libc: Libc, epoll: Epoll, report: (token: number, events: number) => void) => Waiter;

/** One descriptor that is being watched. */
export interface Watch {
  /** Asks for one call of `ready`. */
  arm(): void;
  /** No call comes afterwards. The descriptor is the caller's to close. */
  remove(): void;
}

/**
 * Tells when descriptors become readable, without blocking the event loop. The waiter exists while there is something
 * to watch, so that nothing keeps the process alive, or has to be torn down at its end, once all is closed.
 */
export class Poller {
  readonly #libc: Libc;
  readonly #startWaiter: StartWaiter;
  readonly #watched = new Map<number, (events: number) => void>();
  #running: { readonly epoll: Epoll; readonly waiter: Waiter } | undefined;
  #lastToken = 0;

  constructor(libc: Libc, startWaiter: StartWaiter) {
    this.#libc = libc;
    this.#startWaiter = startWaiter;
  }

  /** Throws an `IoctlFailure`. @param ready Gets the epoll events. */
  watch(fd: number, ready: (events: number) => void): Watch {
    this.#running ??= this.#start();
    const { epoll } = this.#running;
    // A token is never used twice: a report that was under way when its watch was removed finds nobody.
    const token = ++this.#lastToken;
    try {
      epoll.add(fd, token);
    } catch (error) {
      this.#stopIfIdle();
      throw error;
    }
    this.#watched.set(token, ready);
    return {
      arm: () => {
        if (this.#watched.has(token)) epoll.arm(fd, token);
      },
      remove: () => {
        if (!this.#watched.delete(token)) return;
        epoll.remove(fd);
        this.#stopIfIdle();
      },
    };
  }

  #start(): { epoll: Epoll; waiter: Waiter } {
    const epoll = new Epoll(this.#libc);
    try {
      const waiter = this.#startWaiter(this.#libc, epoll, (token, events) => this.#watched.get(token)?.(events));
      return { epoll, waiter };
    } catch (error) {
      this.#libc.close(epoll.fd);
      throw error;
    }
  }

  #stopIfIdle(): void {
    if (this.#watched.size > 0) return;
    this.#running?.waiter.stop();
    this.#running = undefined;
  }
}
