/**
 * An interface of the host as a port of a hub, `protocol/data-plane.md` §6.11. The host itself uses it too: what is of its own
 * address stays between the host and the wire, so that nobody in the hub can take its place.
 */

import { destination, ETHERTYPE_IPV4, source } from '../wire/ethernet';
import { destinationPort, etherType, layer4, packetEnd, protocol, sourcePort } from '../wire/packet';
import { UDP, UDP_BYTES } from '../wire/udp';

const DHCP_SERVER: u32 = 67;
const DHCP_CLIENT: u32 = 68;
/** Where the hardware address of the client is in a message, and where it ends: RFC 2131 §2. */
const CHADDR: u32 = 28;
const CHADDR_END: u32 = 34;

/** Whether the frame that was parsed last is from or for the station `host`, or is DHCP of it. */
export function isOfHost(frame: u32, host: u64): bool {
  if (source(frame) == host || destination(frame) == host) return true;
  if (protocol != UDP || etherType != ETHERTYPE_IPV4 || layer4 == 0) return false;
  const dhcp = (sourcePort == DHCP_CLIENT && destinationPort == DHCP_SERVER)
    || (sourcePort == DHCP_SERVER && destinationPort == DHCP_CLIENT);
  const message = layer4 + UDP_BYTES;
  if (!dhcp || packetEnd < message + CHADDR_END) return false;
  // The bytes in front of the address belong to the message, so that nothing behind it is read.
  return load<u64>(frame + message + CHADDR - 2) >> 16 == host;
}
