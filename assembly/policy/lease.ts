/** An address that a DHCP server gives to a client: DHCPACK, RFC 2131 §3.1 and RFC 2132 §9. */

import { layer4, packetEnd } from '../wire/packet';
import { UDP_BYTES } from '../wire/udp';

const REPLY: u32 = 2;
const YOUR_ADDRESS: u32 = 16;
const CLIENT_ADDRESS: u32 = 28;
const COOKIE: u32 = 236;
const MAGIC: u32 = 0x6353_8263;
const PAD: u32 = 0;
const LEASE_TIME: u32 = 51;
const MESSAGE_TYPE: u32 = 53;
const END: u32 = 255;
const ACK: u32 = 5;

/** Of the message that was read last. */
export let leaseIp: u64 = 0;
export let leaseMac: u64 = 0;
/** Seconds; 0 when it does not say. */
export let leaseSeconds: u32 = 0;

/** Whether the DHCP packet that was parsed last is an acknowledgement. Each option is looked at once. */
export function readLease(frame: u32): bool {
  const start = layer4 + UDP_BYTES;
  if (start + COOKIE + 4 > packetEnd) return false;
  const at = frame + start;
  if (<u32>load<u8>(at) != REPLY || load<u32>(at, COOKIE) != MAGIC) return false;
  leaseIp = <u64>bswap<u32>(load<u32>(at, YOUR_ADDRESS));
  leaseMac = <u64>load<u32>(at, CLIENT_ADDRESS) | (<u64>load<u16>(at, CLIENT_ADDRESS + 4) << 32);
  leaseSeconds = 0;
  let type: u32 = 0;
  const end = frame + packetEnd;
  for (let option = at + COOKIE + 4; option < end; ) {
    const code = <u32>load<u8>(option);
    if (code == END) break;
    if (code == PAD) {
      option++;
      continue;
    }
    if (option + 2 > end) break;
    const length = <u32>load<u8>(option, 1);
    if (option + 2 + length > end) break;
    if (code == MESSAGE_TYPE && length == 1) type = <u32>load<u8>(option, 2);
    if (code == LEASE_TIME && length == 4) leaseSeconds = bswap<u32>(load<u32>(option, 2));
    option += 2 + length;
  }
  return type == ACK;
}
