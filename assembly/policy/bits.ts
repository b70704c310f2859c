/** Tests of a policy as bits, `protocol/data-plane.md` §6.5. The engine sets the same (`engine/core.ts`). */

export const DHCP_FILTER: u32 = 1 << 0;
export const DHCP_NO_SERVER: u32 = 1 << 1;
export const DHCP_FORCE: u32 = 1 << 2;
export const CHECK_IP: u32 = 1 << 3;
export const ARP_DHCP_ONLY: u32 = 1 << 4;
export const PRIVACY_FILTER: u32 = 1 << 5;
export const NO_SERVER: u32 = 1 << 6;
export const RS_AND_RA_FILTER: u32 = 1 << 7;
export const RA_FILTER: u32 = 1 << 8;
export const DHCPV6_FILTER: u32 = 1 << 9;
export const DHCPV6_NO_SERVER: u32 = 1 << 10;
export const CHECK_IPV6: u32 = 1 << 11;
export const NO_SERVER_V6: u32 = 1 << 12;
export const FILTER_IPV4: u32 = 1 << 13;
export const FILTER_IPV6: u32 = 1 << 14;
export const FILTER_NON_IP: u32 = 1 << 15;
export const NO_DEFAULT_ROUTER: u32 = 1 << 16;

/** What is tested of frames from a session, and of those towards it. */
export const SOURCE_TESTS: u32 = 0xffff & ~PRIVACY_FILTER;
export const TARGET_TESTS: u32 =
  DHCP_FILTER | ARP_DHCP_ONLY | PRIVACY_FILTER | RS_AND_RA_FILTER | DHCPV6_FILTER | FILTER_IPV4 | FILTER_IPV6 | FILTER_NON_IP | NO_DEFAULT_ROUTER;

/** Of a hub: it has an access list; sessions of which others must keep off the IP addresses; monitors. */
export const HUB_ACCESS: u32 = 1;
export const HUB_IPS: u32 = 2;
export const HUB_MONITORS: u32 = 4;
