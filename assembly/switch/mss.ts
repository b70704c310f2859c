/**
 * The largest segment of a TCP connection, `protocol/data-plane.md` §6.8: where less than 1500 bytes fit, both ends are told
 * of it in the segments that open the connection. RFC 9293 §3.7.1.
 */

import { fold, wordOf } from '../wire/checksum';
import { ETHERTYPE_IPV6 } from '../wire/ethernet';
import { etherType, flags, fragment, layer4, protocol, tagged } from '../wire/packet';
import { TCP, TCP_BYTES, TCP_CHECKSUM, tcpHeaderBytes } from '../wire/tcp';

const SYN: u32 = 0x02;
/** Beside SYN none of URG, PSH and RST. */
const OPENING: u32 = SYN | 0x04 | 0x08 | 0x20;
/** Kind 2, length 4, as they lie in memory. */
const MSS_OPTION: u16 = 0x0402;
/** What the header of IPv6 is longer than that of IPv4. */
const IPV6_MORE: u32 = 20;
const TAG_BYTES: u32 = 4;
const MSS_MIN: u32 = 64;

/** Whether the frame that was parsed last is such a segment. */
@inline
export function isSyn(): bool {
  return protocol == TCP && (flags & OPENING) == SYN && layer4 != 0 && !fragment;
}

/**
 * Lowers the MSS of the frame that was parsed last, whose first option has to be it. `limit` is meant for IPv4 without a tag.
 * The checksum follows (RFC 1624 §3); an unfinished one does not cover the option yet.
 */
export function clampMss(frame: u32, limit: u32, unfinished: bool): void {
  const at = frame + layer4;
  if (tcpHeaderBytes(at) < TCP_BYTES + 4 || load<u16>(at, TCP_BYTES) != MSS_OPTION) return;
  const less = (etherType == ETHERTYPE_IPV6 ? IPV6_MORE : 0) + (tagged ? TAG_BYTES : 0);
  const most = limit > less + MSS_MIN ? limit - less : MSS_MIN;
  const mss = <u32>bswap<u16>(load<u16>(at, TCP_BYTES + 2));
  if (mss <= most) return;
  store<u16>(at, bswap<u16>(<u16>most), TCP_BYTES + 2);
  if (unfinished) return;
  const before = <u64>load<u16>(at, TCP_CHECKSUM);
  store<u16>(at, <u16>~fold((~before & 0xffff) + (~wordOf(mss) & 0xffff) + wordOf(most)), TCP_CHECKSUM);
}
