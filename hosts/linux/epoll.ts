import { IoctlFailure } from './interface.ts';
import type { Libc } from './libc.ts';

export const EPOLLIN = 0x1;
export const EPOLLERR = 0x8;
export const EPOLLHUP = 0x10;
const EPOLLONESHOT = 0x4000_0000;
const EPOLL_CLOEXEC = 0x80000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLL_CTL_MOD = 3;

/** struct epoll_event is packed on x86-64 and nowhere else. */
export const EVENT_BYTES = process.arch === 'x64' ? 12 : 16;
/** Where the event's data begins; a token is its first 32 bits on a little-endian machine. */
export const TOKEN_OFFSET = EVENT_BYTES - 8;
/** Events fetched at a time. One host has few TAPs, and what did not fit comes with the next call. */
export const MAX_EVENTS = 16;

/** A set of file descriptors, each with a token, of which the kernel knows which are ready. */
export class Epoll {
  readonly fd: number;
  readonly #libc: Libc;
  readonly #event: DataView;
  readonly #eventAddress: number;
  readonly #ready: DataView;
  readonly #readyAddress: number;

  /** Throws an `IoctlFailure`. */
  constructor(libc: Libc) {
    this.#libc = libc;
    const event = new ArrayBuffer(EVENT_BYTES);
    this.#event = new DataView(event);
    this.#eventAddress = libc.addressOf(event);
    const ready = new ArrayBuffer(EVENT_BYTES * MAX_EVENTS);
    this.#ready = new DataView(ready);
    this.#readyAddress = libc.addressOf(ready);
    this.fd = libc.epoll_create1(EPOLL_CLOEXEC);
    if (this.fd < 0) throw new IoctlFailure('make an epoll set', libc.errno());
  }

  /** Adds a descriptor that reports nothing but errors until it is armed. Throws an `IoctlFailure`. */
  add(fd: number, token: number): void {
    this.#control(EPOLL_CTL_ADD, fd, token, EPOLLONESHOT);
  }

  /** Adds a descriptor that reports for as long as it is readable. Throws an `IoctlFailure`. */
  addPersistent(fd: number, token: number): void {
    this.#control(EPOLL_CTL_ADD, fd, token, EPOLLIN);
  }

  /** One report when it is readable, or at once when it is already: the kernel looks again, so nothing is missed. */
  arm(fd: number, token: number): void {
    this.#control(EPOLL_CTL_MOD, fd, token, EPOLLIN | EPOLLONESHOT);
  }

  remove(fd: number): void {
    this.#libc.epoll_ctl(this.fd, EPOLL_CTL_DEL, fd, this.#eventAddress);
  }

  /** Reports what is ready now and does not wait. */
  collect(report: (token: number, events: number) => void): void {
    const count = this.#libc.epoll_wait(this.fd, this.#readyAddress, MAX_EVENTS, 0);
    // All are read before the first report: a report may end in the next call of this method.
    const ready: number[] = [];
    for (let index = 0; index < count; index++) {
      ready.push(
        this.#ready.getUint32(index * EVENT_BYTES + TOKEN_OFFSET, true),
        this.#ready.getUint32(index * EVENT_BYTES, true),
      );
    }
    for (let index = 0; index < ready.length; index += 2) report(ready[index]!, ready[index + 1]!);
  }

  #control(operation: number, fd: number, token: number, events: number): void {
    this.#event.setUint32(0, events, true);
    this.#event.setUint32(TOKEN_OFFSET, token, true);
    this.#event.setUint32(TOKEN_OFFSET + 4, 0, true);
    if (this.#libc.epoll_ctl(this.fd, operation, fd, this.#eventAddress) < 0) {
      throw new IoctlFailure('wait for it', this.#libc.errno());
    }
  }
}
