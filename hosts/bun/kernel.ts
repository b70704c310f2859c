import type { Libc } from '../linux/libc.ts';
import { retransmissions } from '../linux/tcp-info.ts';
import { loadLibc } from './libc.ts';

let libc: Libc | undefined;

/** As `retransmissions`; undefined too where the C library cannot be reached. */
export function kernelRetransmissions(fd: number | undefined): number | undefined {
  if (fd === undefined || fd < 0) return undefined;
  try {
    libc ??= loadLibc().libc;
  } catch {
    return undefined;
  }
  return retransmissions(libc, fd);
}
