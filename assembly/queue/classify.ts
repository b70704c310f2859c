/** Which frames are priority frames, `protocol/data-plane.md` §5.1: to the byte what a SoftEther sender does. */

const ETHERTYPE: u32 = 12;
const TOS: u32 = 15;
const PROTOCOL: u32 = 23;
const IPV4_BIG_ENDIAN: u32 = 0x0008;
const ICMP: u32 = 1;
/** Larger ICMP frames are bulk: a flood of full-size pings shall not overtake a call. */
const ICMP_FRAME_MAX: u32 = 128;

/** `frame` is the address of `length` bytes. */
export function isPriority(frame: u32, length: u32): bool {
  if (length < 16 || <u32>load<u16>(frame + ETHERTYPE) != IPV4_BIG_ENDIAN) return false;
  const tos = <u32>load<u8>(frame + TOS);
  if (tos != 0x00 && tos != 0x08) return true;
  return length >= 34 && length <= ICMP_FRAME_MAX && <u32>load<u8>(frame + PROTOCOL) == ICMP;
}
