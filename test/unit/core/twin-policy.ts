/**
 * The plain twin of assembly/policy: a hub as `protocol/data-plane.md` §6.1 to §6.7 has it, with objects and strings, for
 * sessions with policies and an access list. Not in it: limits of rates, delays and losses, the limiter of storms.
 */

import type { AccessRule, AddressRange } from '../../../engine/hub/access-rule.ts';
import type { Policy } from '../../../engine/login/policy.ts';
import { dissect, type TwinDissection } from './twin-frame.ts';

export interface TwinSession {
  readonly policy: Policy;
  readonly user?: string;
  readonly group?: string;
  readonly monitor?: boolean;
}

interface Holder {
  session: number;
  seen: number;
  until: number;
  leased: boolean;
}

type Found = TwinDissection & { readonly tagged: boolean };

export class TwinHub {
  now = 0;
  rules: readonly AccessRule[] = [];
  readonly #sessions: readonly TwinSession[];
  readonly #stations = new Map<string, { session: number; seen: number }>();
  readonly #ips = new Map<string, Holder>();

  constructor(sessions: readonly TwinSession[]) {
    this.#sessions = sessions;
  }

  /** What arrives where: of each session its frames, in their order. */
  send(from: number, frame: Uint8Array): Map<number, Uint8Array[]> {
    const arrived = new Map<number, Uint8Array[]>();
    const { policy, monitor } = this.#sessions[from]!;
    if (!dissect(frame).valid || !hasSource(frame) || monitor === true) return arrived;
    const inside = policy.VLanId === 0 ? frame : tagged(frame, policy.VLanId);
    const found: Found = { ...dissect(inside), tagged: u16(inside, 12) === 0x8100 };
    if (!found.valid || !maySend(policy, found, inside)) return arrived;
    const rule = this.#ruleOnEntry(from, found, inside);
    if (rule !== undefined && rule !== 'open' && rule.action === 'discard') return arrived;
    const station = `${hex(inside.subarray(6, 12))}/${found.vlan}`;
    if (!this.#learn(from, station)) return arrived;
    const group = inside[0]! % 2 === 1;
    const known = group ? undefined : this.#stations.get(`${hex(inside.subarray(0, 6))}/${found.vlan}`);
    const isKnown = known !== undefined && this.now - known.seen <= 600_000;
    if ((isKnown && known.session === from) || !this.#noteSource(from, found, inside)) return arrived;
    for (const [to, session] of this.#sessions.entries()) {
      if (to === from) continue;
      if (session.monitor !== true && isKnown && known.session !== to) continue;
      const given = this.#given(from, to, found, inside, rule === 'open');
      if (given !== undefined) arrived.set(to, [given]);
    }
    return arrived;
  }

  #given(from: number, to: number, found: Found, frame: Uint8Array, open: boolean): Uint8Array | undefined {
    const { policy, monitor } = this.#sessions[to]!;
    if (open && this.#ruleOnExit(from, to, found, frame)?.action === 'discard') return undefined;
    if (monitor !== true) {
      if (policy.PrivacyFilter && this.#sessions[from]!.policy.PrivacyFilter) return undefined;
      if (!mayGet(policy, found, frame)) return undefined;
    }
    if (policy.VLanId !== 0) {
      if (!found.tagged || found.vlan !== policy.VLanId) return undefined;
      return Uint8Array.from([...frame.subarray(0, 12), ...frame.subarray(16)]);
    }
    if (monitor !== true && policy.NoIPv6DefaultRouterInRA && isAdvertisement(found))
      return withoutRouter(frame, found);
    return frame;
  }

  #learn(from: number, key: string): boolean {
    const { policy } = this.#sessions[from]!;
    const station = this.#stations.get(key);
    const most = limit(policy.NoBridge ? 3 : 0, policy.MaxMac, 3);
    const count = [...this.#stations.values()].filter(({ session }) => session === from).length;
    if (station?.session === from) {
      station.seen = this.now;
      return true;
    }
    if (station !== undefined) {
      if (policy.CheckMac && this.now - station.seen <= 13_000) return false;
      station.seen = this.now;
    }
    if (most !== 0 && count >= most) return false;
    this.#stations.set(key, { session: from, seen: this.now });
    return true;
  }

  /** `protocol/data-plane.md` §6.4. */
  #noteSource(from: number, found: Found, frame: Uint8Array): boolean {
    const { policy } = this.#sessions[from]!;
    if (found.tagged || found.layer3 === 0) return true;
    if (found.etherType === 0x86dd) {
      const type = found.protocol === 58 ? found.sourcePort : 0;
      if (isDhcpv6(found) || type === 133 || type === 134) return true;
      const address = hex(frame.subarray(found.layer3 + 8, found.layer3 + 24));
      if (address.startsWith('ff') || /^0{31}[01]$/.test(address)) return true;
      const most = limit(policy.NoRoutingV6 ? 15 : 0, policy.MaxIPv6, 5);
      return this.#note(from, address, most, /^fe[89ab]/.test(address), policy.CheckIPv6, false);
    }
    if (isDhcp(found)) {
      this.#noteLease(found, frame);
      return true;
    }
    const at = found.layer3 + (found.etherType === 0x0806 ? 14 : 12);
    const [a, b, c, d] = frame.subarray(at, at + 4) as unknown as [number, number, number, number];
    const address = hex(Uint8Array.of(a, b, c, d));
    if (address === '00000000' || address === 'ffffffff') return true;
    const own =
      a === 10 ||
      (a === 172 && b >= 16 && b < 32) ||
      (a === 192 && b === 168) ||
      (a === 169 && b === 254) ||
      (a === 100 && b >= 64 && b < 128);
    const most = limit(policy.NoRouting ? 4 : 0, policy.MaxIP, 4);
    return this.#note(from, address, most, own, policy.CheckIP || policy.DHCPForce, policy.DHCPForce);
  }

  #note(from: number, address: string, most: number, recorded: boolean, exclusive: boolean, leased: boolean): boolean {
    for (const [key, { until }] of this.#ips) if (this.now > until) this.#ips.delete(key);
    const holder = this.#ips.get(address);
    if (holder !== undefined) {
      if (holder.session !== from && exclusive && this.now - holder.seen <= 13_000) return false;
      if (leased && !holder.leased) return false;
      holder.session = from;
      holder.seen = this.now;
      holder.until = Math.max(holder.until, this.now + (holder.leased ? 300_000 : 60_000));
      return true;
    }
    if (leased) return false;
    const count = [...this.#ips].filter(
      ([key, { session }]) => session === from && key.length === address.length,
    ).length;
    if (most !== 0 && count >= most) return false;
    if (recorded) this.#ips.set(address, { session: from, seen: this.now, until: this.now + 60_000, leased: false });
    return true;
  }

  #noteLease(found: Found, frame: Uint8Array): void {
    const at = found.layer4 + 8;
    const end = found.packetEnd;
    if (end < at + 240 || frame[at] !== 2 || hex(frame.subarray(at + 236, at + 240)) !== '63825363') return;
    const options = new Map<number, number[]>();
    for (let i = at + 240; i < end && frame[i] !== 255; ) {
      if (frame[i] === 0) {
        i++;
        continue;
      }
      const length = frame[i + 1] ?? Number.POSITIVE_INFINITY;
      if (i + 2 + length > end) break;
      options.set(frame[i]!, [...frame.subarray(i + 2, i + 2 + length)]);
      i += 2 + length;
    }
    if (options.get(53)?.[0] !== 5) return;
    const session = this.#stations.get(`${hex(frame.subarray(at + 28, at + 34))}/0`)?.session;
    const address = hex(frame.subarray(at + 16, at + 20));
    if (session === undefined || address === '00000000') return;
    const seconds = u32(Uint8Array.from(options.get(51) ?? [0, 0, 0, 0]), 0);
    const before = this.#ips.get(address)?.until ?? 0;
    const until = Math.max(before, this.now + Math.max(300_000, seconds * 1_000));
    this.#ips.set(address, { session, seen: this.now, until, leased: true });
  }

  #ruleOnEntry(from: number, found: Found, frame: Uint8Array): AccessRule | 'open' | undefined {
    for (const rule of this.#ordered(found)) {
      if (rule.toUser !== undefined || rule.toGroup !== undefined) return 'open';
      if (matches(rule, found, frame, this.#sessions[from]!)) return rule;
    }
    return undefined;
  }

  #ruleOnExit(from: number, to: number, found: Found, frame: Uint8Array): AccessRule | undefined {
    const ordered = this.#ordered(found);
    const start = ordered.findIndex((rule) => rule.toUser !== undefined || rule.toGroup !== undefined);
    const { user, group } = this.#sessions[to]!;
    return ordered
      .slice(start)
      .find(
        (rule) =>
          (rule.toUser === undefined || rule.toUser === user) &&
          (rule.toGroup === undefined || rule.toGroup === group) &&
          matches(rule, found, frame, this.#sessions[from]!),
      );
  }

  #ordered(found: Found): AccessRule[] {
    if (found.etherType === 0x0806 && !found.tagged) return [];
    const weight = (rule: AccessRule) => rule.priority * 2 + (rule.action === 'discard' ? 1 : 0);
    return this.rules.filter(({ active }) => active !== false).toSorted((a, b) => weight(a) - weight(b));
  }
}

function maySend(p: Policy, f: Found, frame: Uint8Array): boolean {
  const type = f.tagged ? 0x8100 : f.etherType;
  const ipv4 = type === 0x0800 || type === 0x0806;
  if (!mayPass(p, f, frame)) return false;
  if (p.DHCPNoServer && isDhcp(f) && f.layer4 + 8 < f.packetEnd && frame[f.layer4 + 8] === 2) return false;
  const opened = f.layer4 !== 0 && f.protocol === 6 && (f.flags & 0x12) === 0x12;
  if (p.NoServer && type === 0x0800 && opened) return false;
  if (p.NoServerV6 && type === 0x86dd && opened) return false;
  if (p.RAFilter && isAdvertisement(f)) return false;
  if (p.DHCPv6NoServer && type === 0x86dd && f.protocol === 17 && f.layer4 !== 0) {
    if (f.destinationPort === 546 || f.sourcePort === 547) return false;
  }
  if (p.FilterIPv4 && ipv4) return false;
  if (p.FilterIPv6 && type === 0x86dd) return false;
  return !(p.FilterNonIP && !ipv4 && type !== 0x86dd);
}

function mayGet(p: Policy, f: Found, frame: Uint8Array): boolean {
  const ipv4 = !f.tagged && ((f.etherType === 0x0800 && f.layer3 !== 0) || f.etherType === 0x0806);
  const ipv6 = !f.tagged && f.etherType === 0x86dd && f.layer3 !== 0;
  if (!mayPass(p, f, frame)) return false;
  return !((p.FilterIPv4 && ipv4) || (p.FilterIPv6 && ipv6) || (p.FilterNonIP && !ipv4 && !ipv6));
}

/** What is tested the same way in both directions. */
function mayPass(p: Policy, f: Found, frame: Uint8Array): boolean {
  const icmpv6 = !f.tagged && f.etherType === 0x86dd && f.protocol === 58 && f.layer4 !== 0;
  if (p.DHCPFilter && isDhcp(f)) return false;
  if (p.DHCPv6Filter && isDhcpv6(f)) return false;
  if (p.RSandRAFilter && icmpv6 && (f.sourcePort === 133 || f.sourcePort === 134)) return false;
  const arp = !f.tagged && f.etherType === 0x0806;
  return !(p.ArpDhcpOnly && frame[0]! % 2 === 1 && !arp && !isDhcp(f) && !isDhcpv6(f) && !icmpv6);
}

function isDhcp(f: Found): boolean {
  const ports = `${f.sourcePort}-${f.destinationPort}`;
  return (
    !f.tagged &&
    f.etherType === 0x0800 &&
    f.protocol === 17 &&
    f.layer4 !== 0 &&
    (ports === '67-68' || ports === '68-67')
  );
}

function isDhcpv6(f: Found): boolean {
  return (
    !f.tagged && f.etherType === 0x86dd && f.protocol === 17 && f.layer4 !== 0 && [546, 547].includes(f.destinationPort)
  );
}

function isAdvertisement(f: Found): boolean {
  return !f.tagged && f.etherType === 0x86dd && f.protocol === 58 && f.layer4 !== 0 && f.sourcePort === 134;
}

function matches(rule: AccessRule, f: Found, frame: Uint8Array, sender: TwinSession): boolean {
  const ip = f.tagged || f.layer3 === 0 ? 0 : f.etherType === 0x0800 ? 4 : f.etherType === 0x86dd ? 16 : 0;
  const at = f.layer3 + (ip === 4 ? 12 : 8);
  if (!inRange(rule.from, frame.subarray(at, at + ip))) return false;
  if (!inRange(rule.to, frame.subarray(at + ip, at + 2 * ip))) return false;
  if (rule.protocol !== undefined && (ip === 0 || rule.protocol !== f.protocol)) return false;
  if (rule.fromPorts !== undefined || rule.toPorts !== undefined) {
    if (ip === 0 || f.layer4 === 0 || (f.protocol !== 6 && f.protocol !== 17)) return false;
    const { first = 0, last = 65_535 } = rule.fromPorts ?? {};
    if (f.sourcePort < first || f.sourcePort > last) return false;
    if (rule.toPorts !== undefined && (f.destinationPort < rule.toPorts.first || f.destinationPort > rule.toPorts.last))
      return false;
  }
  if (rule.tcpState !== undefined) {
    if (ip === 0 || f.layer4 === 0 || f.protocol !== 6) return false;
    if (((f.flags & 0x12) === 0x02) !== (rule.tcpState === 'unestablished')) return false;
  }
  if (!inRange(rule.fromMac, frame.subarray(6, 12)) || !inRange(rule.toMac, frame.subarray(0, 6))) return false;
  if (rule.fromUser !== undefined && rule.fromUser !== sender.user) return false;
  return rule.fromGroup === undefined || rule.fromGroup === sender.group;
}

function inRange(range: AddressRange | undefined, address: Uint8Array): boolean {
  if (range === undefined) return true;
  if (range.address.length !== address.length) return false;
  return address.every((byte, i) => ((byte ^ range.address[i]!) & range.mask[i]!) === 0);
}

function limit(one: number, other: number, least: number): number {
  const limits = [one, other].filter((each) => each > 0);
  return limits.length === 0 ? 0 : Math.max(least, Math.min(...limits));
}

function hasSource(frame: Uint8Array): boolean {
  const source = hex(frame.subarray(6, 12));
  return source !== 'ffffffffffff' && source !== '000000000000' && source !== hex(frame.subarray(0, 6));
}

function tagged(frame: Uint8Array, vlan: number): Uint8Array {
  return Uint8Array.from([...frame.subarray(0, 12), 0x81, 0, vlan >> 8, vlan & 255, ...frame.subarray(12)]);
}

function withoutRouter(frame: Uint8Array, f: Found): Uint8Array {
  const made = frame.slice();
  const length = f.packetEnd - f.layer4;
  if (length < 16) return made;
  made.fill(0, f.layer4 + 6, f.layer4 + 8);
  made.fill(0, f.layer4 + 2, f.layer4 + 4);
  const words = [
    ...made.subarray(f.layer3 + 8, f.layer3 + 40),
    length >> 8,
    length & 255,
    0,
    58,
    ...made.subarray(f.layer4, f.packetEnd),
  ];
  let sum = 0;
  for (let i = 0; i < words.length; i += 2) sum += (words[i]! << 8) | (words[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum >> 16) + (sum & 0xffff);
  made[f.layer4 + 2] = (~sum >> 8) & 255;
  made[f.layer4 + 3] = ~sum & 255;
  return made;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

function u32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}
