import { errnoName } from './errno.ts';
import type { Libc } from './libc.ts';

/** <linux/fcntl.h>: the new descriptor is not passed on to programs that are started. */
const F_DUPFD_CLOEXEC = 1030;
/** <asm-generic/socket.h>. */
const SOL_SOCKET = 1;
const SO_LINGER = 13;
/** struct linger: two ints, whether and how long. */
const LINGER_BYTES = 8;

/**
 * A second descriptor of the same socket: closing the first one then closes a number and not the connection. Throws an
 * error with the system's `code`.
 */
export function duplicate(libc: Libc, fd: number): number {
  const copy = libc.fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (copy >= 0) return copy;
  const code = errnoName(libc.errno());
  throw Object.assign(new Error('its socket could not be duplicated'), { code });
}

/** Undoes what makes the last close of a socket a reset: a runtime sets that when it is told to close by force. */
export function closeInOrder(libc: Libc, fd: number): void {
  const off = new ArrayBuffer(LINGER_BYTES);
  libc.setsockopt(fd, SOL_SOCKET, SO_LINGER, libc.addressOf(off), LINGER_BYTES);
}
