/**
 * Access lists, `protocol/data-plane.md` §6.7: rules in the order in which they count, compiled by the engine
 * (`engine/hub/access-table.ts`). The rules of a hub lie behind one another. A frame is compared with each until one
 * matches, and a rule that is not for its kind is passed over at once.
 */

import { ACCESS, RULE_BYTES } from '../memory';
import { rulesOf } from '../port';
import { Hub } from '../switch/hubs';
import { destination, ETHERTYPE_IPV4, ETHERTYPE_IPV6, source } from '../wire/ethernet';
import { destinationPort, etherType, flags, layer3, layer4, protocol, sourcePort, tagged } from '../wire/packet';
import { TCP } from '../wire/tcp';
import { UDP } from '../wire/udp';
import { ACK, isArp, SYN } from './kinds';

@unmanaged
export class AccessRule {
  /** Kinds of frames that it can match: bits of `kindOf`. */
  kinds: u32;
  /** RULE_ bits: what is to be looked at. */
  looks: u32;
  discards: u32;
  /** Percent. */
  loss: u32;
  /** Milliseconds, and percent of it. */
  delay: u32;
  jitter: u32;
  protocol: u32;
  sourceUser: u32;
  sourceGroup: u32;
  targetUser: u32;
  targetGroup: u32;
  sourcePortFirst: u16;
  sourcePortLast: u16;
  targetPortFirst: u16;
  targetPortLast: u16;
  /** Requests for web pages are answered by the engine. */
  redirects: u32;
  /** As they lie in a frame; an IPv4 address is in the first four bytes of `low`. */
  sourceHigh: u64;
  sourceLow: u64;
  sourceMaskHigh: u64;
  sourceMaskLow: u64;
  targetHigh: u64;
  targetLow: u64;
  targetMaskHigh: u64;
  targetMaskLow: u64;
  sourceMac: u64;
  sourceMacMask: u64;
  targetMac: u64;
  targetMacMask: u64;
}

const LOOK_ADDRESSES: u32 = 1;
const LOOK_PROTOCOL: u32 = 2;
const LOOK_SOURCE_PORT: u32 = 4;
const LOOK_TARGET_PORT: u32 = 8;
const LOOK_MACS: u32 = 16;
/** TCP: SYN without ACK, or anything else. */
const LOOK_UNESTABLISHED: u32 = 32;
const LOOK_ESTABLISHED: u32 = 64;

const KIND_IPV4: u32 = 1;
const KIND_IPV6: u32 = 2;
const KIND_OTHER: u32 = 4;

/** No rule matches: the frame passes. */
export const NO_RULE: u32 = 0xffff_ffff;
/** No rule matched as far as that can be said before it is known who gets the frame. */
export const OPEN: u32 = 0xffff_fffe;

@inline
export function accessRule(index: u32): AccessRule {
  return changetype<AccessRule>(ACCESS + index * RULE_BYTES);
}

/** The rule that the frame, parsed last, meets on its way from the port into the hub; NO_RULE or OPEN without one. */
export function ruleOnEntry(hub: Hub, from: u32, frame: u32): u32 {
  const kind = kindOf();
  if (kind == 0) return NO_RULE;
  const end = hub.firstRule + hub.rules;
  for (let i = hub.firstRule; i < end; i++) {
    const rule = accessRule(i);
    // From here on it matters who gets it.
    if (rule.targetUser | rule.targetGroup) return OPEN;
    if (matches(rule, kind, from, frame)) return i;
  }
  return NO_RULE;
}

/** The same on its way out to a port, for what was open. */
export function ruleOnExit(hub: Hub, from: u32, to: u32, frame: u32): u32 {
  const kind = kindOf();
  const receiver = rulesOf(to);
  const end = hub.firstRule + hub.rules;
  for (let i = hub.firstRule + hub.entryRules; i < end; i++) {
    const rule = accessRule(i);
    if (rule.targetUser != 0 && rule.targetUser != receiver.user) continue;
    if (rule.targetGroup != 0 && rule.targetGroup != receiver.group) continue;
    if (matches(rule, kind, from, frame)) return i;
  }
  return NO_RULE;
}

/** ARP is not subject to rules (the option ApplyIPv4AccessListOnArpPacket is off): 0. */
@inline
function kindOf(): u32 {
  if (isArp()) return 0;
  if (tagged || layer3 == 0) return KIND_OTHER;
  return etherType == ETHERTYPE_IPV4 ? KIND_IPV4 : etherType == ETHERTYPE_IPV6 ? KIND_IPV6 : KIND_OTHER;
}

/** Everything but who gets it. */
function matches(rule: AccessRule, kind: u32, from: u32, frame: u32): bool {
  if (!(rule.kinds & kind)) return false;
  const looks = rule.looks;
  if (looks & LOOK_ADDRESSES && !matchesAddresses(rule, kind, frame)) return false;
  if (looks & LOOK_PROTOCOL && rule.protocol != protocol) return false;
  if (looks & (LOOK_SOURCE_PORT | LOOK_TARGET_PORT)) {
    if (layer4 == 0 || (protocol != TCP && protocol != UDP)) return false;
    if (looks & LOOK_SOURCE_PORT && (sourcePort < <u32>rule.sourcePortFirst || sourcePort > <u32>rule.sourcePortLast)) return false;
    if (looks & LOOK_TARGET_PORT && (destinationPort < <u32>rule.targetPortFirst || destinationPort > <u32>rule.targetPortLast)) return false;
  }
  if (looks & (LOOK_UNESTABLISHED | LOOK_ESTABLISHED)) {
    if (layer4 == 0 || protocol != TCP) return false;
    const opens = (flags & (SYN | ACK)) == SYN;
    if (opens != ((looks & LOOK_UNESTABLISHED) != 0)) return false;
  }
  if (looks & LOOK_MACS) {
    if ((source(frame) & rule.sourceMacMask) != rule.sourceMac) return false;
    if ((destination(frame) & rule.targetMacMask) != rule.targetMac) return false;
  }
  if (rule.sourceUser | rule.sourceGroup) {
    const sender = rulesOf(from);
    if (rule.sourceUser != 0 && rule.sourceUser != sender.user) return false;
    if (rule.sourceGroup != 0 && rule.sourceGroup != sender.group) return false;
  }
  return true;
}

/** The rule is for one kind of addresses only, so the frame has them. */
@inline
function matchesAddresses(rule: AccessRule, kind: u32, frame: u32): bool {
  const at = frame + layer3;
  if (kind == KIND_IPV4) {
    return (<u64>load<u32>(at, 12) & rule.sourceMaskLow) == rule.sourceLow && (<u64>load<u32>(at, 16) & rule.targetMaskLow) == rule.targetLow;
  }
  return (load<u64>(at, 8) & rule.sourceMaskHigh) == rule.sourceHigh
    && (load<u64>(at, 16) & rule.sourceMaskLow) == rule.sourceLow
    && (load<u64>(at, 24) & rule.targetMaskHigh) == rule.targetHigh
    && (load<u64>(at, 32) & rule.targetMaskLow) == rule.targetLow;
}
