/**
 * An address as `engine/host.ts` wants it. A socket that listens on IPv6 shows IPv4 peers as mapped addresses (RFC 4291
 * section 2.5.5.2), and the runtimes append the zone of a link-local one (RFC 4007 section 11), which peers do not know.
 */
export function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
}
