import { constants } from 'node:os';

/** In `errno.h`, but not in Node's table: the file is there and what it belonged to is gone. */
export const EBADFD = 77;

export const { EAGAIN, EBADF, EBUSY, EINTR, EINVAL, EIO, EMSGSIZE, ENETDOWN, ENOBUFS, ENODEV, ENOENT, ENXIO, EPERM } =
  constants.errno;

const NAMES = new Map<number, string>([
  [EBADFD, 'EBADFD'],
  ...Object.entries(constants.errno).map(([name, number]) => [number, name] as const),
]);

/** The name of an error number, such as `EPERM`. */
export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? `errno ${errno}`;
}
