import type { Libc } from './libc.ts';

/** <netinet/in.h> and <linux/tcp.h>. */
const IPPROTO_TCP = 6;
const TCP_INFO = 11;
/** Of `struct tcp_info`: eight bytes of small fields, then 23 words before `tcpi_total_retrans`. */
const TOTAL_RETRANS = 8 + 23 * 4;
const INFO_BYTES = TOTAL_RETRANS + 4;

/** Segments that the kernel has sent again on a connection since it was opened; undefined where it does not tell. */
export function retransmissions(libc: Libc, fd: number): number | undefined {
  // A buffer of its own each time: it is asked for by a person, now and then.
  const memory = new ArrayBuffer(INFO_BYTES + 4);
  const address = libc.addressOf(memory);
  const view = new DataView(memory);
  view.setUint32(INFO_BYTES, INFO_BYTES, true);
  if (libc.getsockopt(fd, IPPROTO_TCP, TCP_INFO, address, address + INFO_BYTES) !== 0) return undefined;
  return view.getUint32(INFO_BYTES, true) < INFO_BYTES ? undefined : view.getUint32(TOTAL_RETRANS, true);
}
