import type { TcpControl } from '../shared/channel.ts';
import type { Libc } from './libc.ts';

/** <netinet/in.h> and <linux/tcp.h>. */
const IPPROTO_TCP = 6;
const SOL_SOCKET = 1;
const SO_MAX_PACING_RATE = 47;
/** Of it: no limit. */
const ANY_RATE = 0xffff_ffff;
const TCP_INFO = 11;
const TCP_CONGESTION = 13;
const TCP_NOTSENT_LOWAT = 25;
/** TCP_CA_NAME_MAX, with the NUL. */
const CONGESTION_BYTES = 16;

/** Offsets in `struct tcp_info`, <linux/tcp.h>; Linux 4.9 and later have all of them. */
const SND_MSS = 16;
const SACKED = 28;
const RTT = 68;
const SND_CWND = 80;
const TOTAL_RETRANS = 100;
const BYTES_ACKED = 120;
const NOTSENT_BYTES = 144;
const MIN_RTT = 148;
const INFO_BYTES = 160;

/** TCP sockets of the kernel. Nothing is told, and nothing happens, where it or the C library cannot be reached. */
export interface TcpSockets {
  /** @param fd The descriptor, as long as there is one. */
  control(fd: () => number | undefined): TcpControl;
}

/** @param load The C library; called when it is first needed. */
export function tcpSockets(load: () => Libc): TcpSockets {
  let loaded: Libc | undefined;
  // One for all calls: none of them keeps it.
  const memory = new ArrayBuffer(INFO_BYTES + 4);
  const bytes = new Uint8Array(memory);
  const view = new DataView(memory);
  const libc = (fd: number | undefined): Libc | undefined => {
    if (fd === undefined || fd < 0) return undefined;
    try {
      loaded ??= load();
    } catch {
      return undefined;
    }
    return loaded;
  };
  /** The bytes of the answer, at the front of the memory; 0 when there is none. */
  const ask = (fd: number | undefined, option: number, room: number): number => {
    const found = libc(fd);
    if (found === undefined) return 0;
    const address = found.addressOf(memory);
    view.setUint32(INFO_BYTES, room, true);
    if (found.getsockopt(fd!, IPPROTO_TCP, option, address, address + INFO_BYTES) !== 0) return 0;
    return view.getUint32(INFO_BYTES, true);
  };
  const tell = (fd: number | undefined, option: number, length: number, level = IPPROTO_TCP): boolean => {
    const found = libc(fd);
    return found !== undefined && found.setsockopt(fd!, level, option, found.addressOf(memory), length) === 0;
  };
  const control = (fd: () => number | undefined): TcpControl => ({
    state() {
      if (ask(fd(), TCP_INFO, INFO_BYTES) < MIN_RTT + 4) return undefined;
      return {
        retransmissions: view.getUint32(TOTAL_RETRANS, true),
        roundTripMs: view.getUint32(RTT, true) / 1000,
        leastRoundTripMs: view.getUint32(MIN_RTT, true) / 1000,
        // A segment in front of others that was lost holds up the number, not them.
        deliveredBytes:
          Number(view.getBigUint64(BYTES_ACKED, true)) + view.getUint32(SACKED, true) * view.getUint32(SND_MSS, true),
        unsentBytes: view.getUint32(NOTSENT_BYTES, true),
        congestionWindow: view.getUint32(SND_CWND, true),
      };
    },
    limitUnsent(count) {
      view.setUint32(0, count, true);
      tell(fd(), TCP_NOTSENT_LOWAT, 4);
    },
    limitRate(bytesPerSecond) {
      view.setUint32(0, Math.min(ANY_RATE, Math.max(1, Math.round(bytesPerSecond))), true);
      tell(fd(), SO_MAX_PACING_RATE, 4, SOL_SOCKET);
    },
    congestion() {
      const length = ask(fd(), TCP_CONGESTION, CONGESTION_BYTES);
      return length === 0 ? undefined : text(bytes.subarray(0, length));
    },
    useCongestion(name) {
      if (name.length >= CONGESTION_BYTES) return false;
      bytes.fill(0, 0, CONGESTION_BYTES);
      bytes.set(new TextEncoder().encode(name));
      return tell(fd(), TCP_CONGESTION, name.length);
    },
  });
  return { control };
}

function text(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}
