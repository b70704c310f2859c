/** The IP address that a frame was sent from, `protocol/data-plane.md` §6.4 and §6.5. */

import { DROP_ELSEWHERE, DROP_POLICY } from '../counters';
import { NONE } from '../memory';
import { rulesOf } from '../port';
import { layer3, sourceIp } from '../wire/packet';
import { lookup } from '../switch/fdb';
import { CHECK_IP, CHECK_IPV6, DHCP_FORCE } from './bits';
import { IP_PASSES, IP_TAKEN, leaseIpv4, noteIp } from './ip-table';
import { isArp, isDhcp, isDhcpv6, isIcmpv6Of, isIpv4, isIpv6, ROUTER_ADVERTISEMENT, ROUTER_SOLICITATION } from './kinds';
import { leaseIp, leaseMac, leaseSeconds, readLease } from './lease';

const IPV4_BROADCAST: u64 = 0xffff_ffff;
const IPV6_SOURCE: u32 = 8;
/** The last half of ::1, as it lies in memory. */
const LOOPBACK_LOW: u64 = 0x0100_0000_0000_0000;

/** Notes whose the source address of the frame that was parsed last is; why the frame is to be dropped, or NONE. */
export function noteSource(port: u32, hub: u32, frame: u32, now: f64): u32 {
  const rules = rulesOf(port);
  const tests = rules.source;
  if (isIpv4() || isArp()) {
    if (isDhcp()) {
      if (readLease(frame)) noteLease(hub, now);
      return NONE;
    }
    if (sourceIp == 0 || sourceIp == IPV4_BROADCAST) return NONE;
    const exclusive = (tests & (CHECK_IP | DHCP_FORCE)) != 0;
    return causeOf(noteIp(port, hub, false, 0, sourceIp, rules.ipMax, isPrivate(<u32>sourceIp), exclusive, (tests & DHCP_FORCE) != 0, now));
  }
  if (!isIpv6() || isDhcpv6() || isIcmpv6Of(ROUTER_SOLICITATION) || isIcmpv6Of(ROUTER_ADVERTISEMENT)) return NONE;
  const high = load<u64>(frame + layer3, IPV6_SOURCE);
  const low = load<u64>(frame + layer3, IPV6_SOURCE + 8);
  if ((high & 0xff) == 0xff || (high == 0 && (low == 0 || low == LOOPBACK_LOW))) return NONE;
  return causeOf(noteIp(port, hub, true, high, low, rules.ipv6Max, isLinkLocal(high), (tests & CHECK_IPV6) != 0, false, now));
}

function noteLease(hub: u32, now: f64): void {
  if (leaseIp == 0) return;
  const port = lookup(hub, leaseMac, now);
  if (port != NONE) leaseIpv4(port, hub, leaseIp, leaseSeconds, now);
}

@inline
function causeOf(outcome: u32): u32 {
  if (outcome == IP_PASSES) return NONE;
  return outcome == IP_TAKEN ? DROP_ELSEWHERE : DROP_POLICY;
}

/** The option ManageOnlyPrivateIP, which is on: 10/8, 172.16/12, 192.168/16, 169.254/16, 100.64/10. */
@inline
function isPrivate(ip: u32): bool {
  return ip >>> 24 == 10 || ip >>> 20 == 0xac1 || ip >>> 16 == 0xc0a8 || ip >>> 16 == 0xa9fe || ip >>> 22 == 0x191;
}

/** fe80::/10 (RFC 4291 §2.5.6), as it lies in memory. */
@inline
function isLinkLocal(high: u64): bool {
  return (high & 0xc0ff) == 0x80fe;
}
