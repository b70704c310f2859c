/**
 * Which flows are worth deflating: a memory of a few bytes for each port. Frames of one flow are much alike; of one whose
 * frames did not get smaller only every second is tried again, then every fourth, and so on.
 */

/** A u8 each: frames to be sent as they are before the next is tried, then failures in a row. */
const FLOW_BYTES: u32 = 2;
const FLOWS: u32 = 64;
export const FLOW_MEMORY_BYTES: u32 = FLOWS * FLOW_BYTES;
/** A flow is tried again after 2^6 frames at the latest: what it carries may have changed. */
const FAILURES_MAX: u32 = 6;
/** What a frame has to get smaller by at least, as a shift: a sixteenth. Less is not worth the time of both sides. */
const GAIN_SHIFT: u32 = 4;

/** Bytes that the deflated frame must stay below to count as smaller. */
@inline
export function worthwhile(length: u32): u32 {
  return length - (length >> GAIN_SHIFT);
}

/** The place of the frame's flow in the memory. */
export function flowOf(flows: u32, frame: u32, length: u32): u32 {
  if (length < 38) return flows;
  // Where IPv4 without a VLAN tag has addresses and ports; of other frames these bytes say little, but stay the same too.
  const mixed = load<u64>(frame, 26) * 0x9e37_79b9_7f4a_7c15 + <u64>load<u32>(frame, 34) * 0xd6e8_feb8_6659_fd93;
  return flows + <u32>(mixed >> 58) * FLOW_BYTES;
}

/** Whether the next frame of the flow is to be tried. */
export function isTried(flow: u32): bool {
  const rest = load<u8>(flow);
  if (rest == 0) return true;
  store<u8>(flow, rest - 1);
  return false;
}

/** Notes how it went. */
export function noteTry(flow: u32, smaller: bool): void {
  const failures: u32 = smaller ? 0 : min(<u32>load<u8>(flow, 1) + 1, FAILURES_MAX);
  store<u8>(flow, <u8>((<u32>1 << failures) - 1));
  store<u8>(flow, <u8>failures, 1);
}
