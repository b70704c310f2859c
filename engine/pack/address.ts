import type { PackBuilder } from './builder.ts';
import { formatIpv4, formatIpv6, isIpv4Mapped, parseIpv4, parseIpv6 } from './ip-text.ts';
import type { Pack } from './pack.ts';

/** What stands in an address field when there is no address. */
export const NO_ADDRESS = '0.0.0.0';

/**
 * Adds the four elements of an address field: `protocol/control-plane.md` §2.1.
 *
 * @param addresses One address or parallel rows of them, IPv4 or IPv6, without zone; anything else is a `RangeError`.
 */
export function putAddress(builder: PackBuilder, name: string, addresses: string | readonly string[]): PackBuilder {
  const rows = (typeof addresses === 'string' ? [addresses] : addresses).map((address) => row(name, address));
  return builder
    .int(
      name,
      rows.map((each) => each.ipv4),
    )
    .data(
      `${name}@ipv6_array`,
      rows.map((each) => each.ipv6 ?? new Uint8Array(16)),
    )
    .int(
      `${name}@ipv6_bool`,
      rows.map((each) => (each.ipv6 === undefined ? 0 : 1)),
    )
    .int(
      `${name}@ipv6_scope_id`,
      rows.map(() => 0),
    );
}

/** The address in a field, or undefined when the field is absent or is marked as IPv6 and has no 16 bytes. */
export function getAddress(pack: Pack, name: string, index = 0): string | undefined {
  if (pack.bool(`${name}@ipv6_bool`, index)) {
    const ipv6 = pack.data(`${name}@ipv6_array`, index);
    return ipv6.length === 16 ? formatIpv6(ipv6) : undefined;
  }
  if (index >= pack.count(name)) return undefined;
  // The octets are a little-endian number, and the number is sent big-endian.
  const value = pack.int(name, index);
  return formatIpv4(Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24));
}

function row(name: string, address: string): { ipv4: number; ipv6: Uint8Array | undefined } {
  const ipv6 = parseIpv6(address);
  // What a dual-stack socket calls ::ffff:10.0.0.1 is an IPv4 peer, also for the other side.
  const ipv4 = ipv6 !== undefined && isIpv4Mapped(ipv6) ? ipv6.slice(12) : parseIpv4(address);
  if (ipv4 !== undefined) return { ipv4: new DataView(ipv4.buffer).getUint32(0, true), ipv6: undefined };
  if (ipv6 === undefined) throw new RangeError(`${name}: expected an IPv4 or IPv6 address, got ${address}`);
  return { ipv4: 0, ipv6 };
}
