import type { TapOptions } from '../../engine/host.ts';
import { HostFailure } from '../shared/error.ts';
import { type Cidr, parseCidr } from './cidr.ts';
import { IFNAMSIZ } from './interface.ts';

/** The smallest datagram that every IPv4 host takes is 576 bytes (RFC 791 section 3.2). */
export const MIN_MTU = 576;
/** 65,535 less the 14 bytes of the Ethernet header: the most that the kernel's TAP driver takes. */
export const MAX_MTU = 65_521;
/** IPv6 needs links that carry this much (RFC 8200 section 5); Linux takes the address away below it. */
const MIN_IPV6_MTU = 1280;
const DEFAULT_MTU = 1500;

/** Options that were found to make sense. */
export interface CheckedTapOptions {
  readonly name: string;
  readonly mtu: number;
  readonly mac: Uint8Array | undefined;
  readonly offload: boolean;
  readonly addresses: readonly { readonly cidr: Cidr; readonly text: string }[];
}

function invalid(name: string, problem: string): HostFailure {
  return new HostFailure('tap', 'EINVAL', `TAP device "${name}": cannot create it: ${problem} (EINVAL).`);
}

/** Throws a `HostError` that names the option, what was expected and what came. */
export function checkTapOptions(options: TapOptions): CheckedTapOptions {
  const { name, mtu = DEFAULT_MTU, mac, offload = true } = options;
  // The kernel itself refuses '/', ':' and white space; '%' would make it pick a number.
  if (!/^[!-~]{1,15}$/.test(name) || /[/:%]/.test(name) || name === '.' || name === '..') {
    throw invalid(name, 'a name has 1 to 15 ASCII characters, without spaces and without / : %');
  }
  if (!Number.isInteger(mtu) || mtu < MIN_MTU || mtu > MAX_MTU) {
    throw invalid(name, `the MTU must be a whole number from ${MIN_MTU} to ${MAX_MTU}, and it is ${mtu}`);
  }
  if (mac !== undefined) {
    if (mac.length !== 6) throw invalid(name, `a MAC address has 6 bytes, and this one has ${mac.length}`);
    if ((mac[0]! & 3) !== 2) {
      throw invalid(
        name,
        'the MAC address must be a locally administered unicast one: its first byte must end in 2, 6, a or e',
      );
    }
  }
  const addresses = options.addresses.map((text) => {
    const cidr = parseCidr(text);
    if (cidr === undefined) {
      throw invalid(name, `"${text}" is not an address with a prefix, such as 10.0.0.1/24 or fd00::1/64`);
    }
    if (cidr.family === 6 && mtu < MIN_IPV6_MTU) {
      throw invalid(name, `IPv6 needs an MTU of at least ${MIN_IPV6_MTU}, and it is ${mtu}`);
    }
    return { cidr, text };
  });
  const further = addresses.filter(({ cidr }) => cidr.family === 4).length - 1;
  if (further > 0 && `${name}:${further}`.length >= IFNAMSIZ) {
    throw invalid(
      name,
      `with ${further + 1} IPv4 addresses the name may have ${IFNAMSIZ - 2 - String(further).length} characters at most`,
    );
  }
  return { name, mtu, mac, offload, addresses };
}
