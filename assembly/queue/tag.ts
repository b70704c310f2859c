/** What tells one flow from another: addresses, protocol and ports of the frame that was parsed last, mixed. */

import { destinationIp, destinationPort, etherType, fragment, layer3, protocol, sourceIp, sourcePort, vlan } from '../wire/packet';
import { ETHERTYPE_ARP } from '../wire/ethernet';

/** The golden ratio, and two more odd numbers without a pattern. */
const A: u64 = 0x9e37_79b9_7f4a_7c15;
const B: u64 = 0xbf58_476d_1ce4_e5b9;
const C: u64 = 0x94d0_49bb_1331_11eb;

/** `frame` is the address of the frame that was parsed. */
export function flowTag(frame: u32): u32 {
  if (layer3 == 0 || etherType == ETHERTYPE_ARP) return mix(load<u64>(frame), <u64>load<u32>(frame, 8), etherType);
  // A later fragment has no ports, and must stay with the first.
  const ports: u64 = fragment ? 0 : (<u64>sourcePort << 16) | destinationPort;
  return mix(sourceIp, destinationIp, (<u64>protocol << 44) | (<u64>vlan << 32) | ports);
}

@inline
function mix(a: u64, b: u64, c: u64): u32 {
  let h = (a + A) * B;
  h = (h ^ (h >> 31) ^ b) * C;
  h = (h ^ (h >> 29) ^ c) * A;
  return <u32>(h >> 32);
}
