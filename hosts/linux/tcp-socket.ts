import type { Libc } from './libc.ts';

/** <netinet/in.h> and <linux/tcp.h>. */
const IPPROTO_TCP = 6;
const TCP_INFO = 11;
const TCP_NOTSENT_LOWAT = 25;
/** Of `struct tcp_info`: eight bytes of small fields, then 23 words before `tcpi_total_retrans`. */
const TOTAL_RETRANS = 8 + 23 * 4;
const INFO_BYTES = TOTAL_RETRANS + 4;

/** What the kernel tells of a TCP socket, and can be told. */
export interface TcpSockets {
  /** Segments that were sent again since the connection was opened; undefined where the kernel does not tell. */
  retransmissions(fd: number | undefined): number | undefined;
  /**
   * Has the kernel take no more of a connection while it holds so many bytes that it has not sent yet. Nothing happens
   * where the kernel, or the C library, cannot be reached: it takes more then, and the queue is longer.
   */
  limitUnsent(fd: number | undefined, bytes: number): void;
}

/** @param load The C library; called when it is first needed. */
export function tcpSockets(load: () => Libc): TcpSockets {
  let loaded: Libc | undefined;
  const libc = (fd: number | undefined): Libc | undefined => {
    if (fd === undefined || fd < 0) return undefined;
    try {
      loaded ??= load();
    } catch {
      return undefined;
    }
    return loaded;
  };
  return {
    retransmissions: (fd) => {
      const found = libc(fd);
      return found === undefined ? undefined : retransmissions(found, fd!);
    },
    limitUnsent: (fd, bytes) => {
      const found = libc(fd);
      if (found === undefined) return;
      const memory = new ArrayBuffer(4);
      new DataView(memory).setUint32(0, bytes, true);
      found.setsockopt(fd!, IPPROTO_TCP, TCP_NOTSENT_LOWAT, found.addressOf(memory), 4);
    },
  };
}

function retransmissions(libc: Libc, fd: number): number | undefined {
  // A buffer of its own each time: it is asked for by a person, now and then.
  const memory = new ArrayBuffer(INFO_BYTES + 4);
  const address = libc.addressOf(memory);
  const view = new DataView(memory);
  view.setUint32(INFO_BYTES, INFO_BYTES, true);
  if (libc.getsockopt(fd, IPPROTO_TCP, TCP_INFO, address, address + INFO_BYTES) !== 0) return undefined;
  return view.getUint32(INFO_BYTES, true) < INFO_BYTES ? undefined : view.getUint32(TOTAL_RETRANS, true);
}
