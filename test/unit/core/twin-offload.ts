/** Plain twins of `assembly/offload`: how a super-frame is cut, and which frames may be joined to one. */

import { ACK, CWR, type Dissected, dissect, FIN, isIntact, PSH, rebuild } from './packets.ts';

/** The frames that a super-frame stands for. */
export function cut(frame: Uint8Array, segment: number): Uint8Array[] {
  const { payload, sequence, flags, id } = dissect(frame);
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < payload.length; at += segment) {
    const last = at + segment >= payload.length;
    const kept = flags & (last ? 0xff : ~(FIN | PSH)) & (at === 0 ? 0xff : ~CWR);
    pieces.push(
      rebuild(frame, payload.subarray(at, at + segment), {
        sequence: (sequence + at) >>> 0,
        flags: kept,
        id: (id + pieces.length) & 0xffff,
      }),
    );
  }
  return pieces;
}

/** Numbers of the frames in each of the groups that are written together, in the order of their first ones. */
export function groups(frames: readonly Uint8Array[], udp = true): number[][] {
  const all: number[][] = [];
  const open: { frame: Uint8Array; seen: Dissected; group: number[]; length: number; next: number; id: number }[] = [];
  for (const [number, frame] of frames.entries()) {
    const seen = tryDissect(frame);
    if (seen === undefined || (seen.udp && !udp)) {
      if (seen === undefined) open.length = 0;
      all.push([number]);
      continue;
    }
    const at = open.findIndex((flow) => sameFlow(flow.frame, frame, flow.seen, seen));
    const flow = open[at];
    const pushed = !seen.udp && (seen.flags & PSH) !== 0;
    const joinable = seen.payload.length > 0 && (seen.udp ? hasChecksum(frame, seen) : (seen.flags & ~PSH) === ACK);
    if (
      flow !== undefined &&
      joinable &&
      seen.payload.length <= flow.seen.payload.length &&
      flow.length + seen.payload.length - seen.layer3 <= 65_535 &&
      sameHeaders(flow.frame, frame, seen) &&
      (seen.udp ? flow.group.length < 64 : seen.sequence === flow.next) &&
      (seen.ipv6 || seen.id === flow.id || (frame[seen.layer3 + 6]! & 0x40) !== 0) &&
      isIntact(flow.frame) &&
      isIntact(frame)
    ) {
      flow.group.push(number);
      flow.length += seen.payload.length;
      flow.next = (flow.next + seen.payload.length) >>> 0;
      flow.id = (flow.id + 1) & 0xffff;
      if (pushed || seen.payload.length < flow.seen.payload.length) open.splice(at, 1);
      continue;
    }
    if (flow !== undefined) open.splice(at, 1);
    const group = [number];
    all.push(group);
    if (!joinable || pushed || (!seen.udp && seen.payload.length < 8)) continue;
    if (open.length === 16) open.shift();
    const next = (seen.sequence + seen.payload.length) >>> 0;
    open.push({ frame, seen, group, length: frame.length, next, id: (seen.id + 1) & 0xffff });
  }
  return all;
}

/** Undefined for what is of no flow. */
function tryDissect(frame: Uint8Array): Dissected | undefined {
  try {
    const seen = dissect(frame);
    const ip = frame.subarray(seen.layer3);
    if (!seen.ipv6 && (ip[0] !== 0x45 || (ip[6]! & 0x3f) !== 0 || ip[7] !== 0)) return undefined;
    return seen;
  } catch {
    return undefined;
  }
}

function hasChecksum(frame: Uint8Array, { layer4 }: Dissected): boolean {
  return frame[layer4 + 6] !== 0 || frame[layer4 + 7] !== 0;
}

/** Ethernet, addresses, protocol and ports. */
function sameFlow(a: Uint8Array, b: Uint8Array, x: Dissected, y: Dissected): boolean {
  if (x.layer3 !== y.layer3 || x.ipv6 !== y.ipv6 || x.udp !== y.udp) return false;
  const [from, to] = y.ipv6 ? [y.layer3 + 8, y.layer3 + 40] : [y.layer3 + 12, y.layer3 + 20];
  return same(a, b, 0, y.layer3) && same(a, b, from, to) && same(a, b, y.layer4, y.layer4 + 4);
}

/** Everything else that is not counted, summed or a length. */
function sameHeaders(a: Uint8Array, b: Uint8Array, y: Dissected): boolean {
  const { layer3, layer4, ipv6, udp } = y;
  if (ipv6 ? !same(a, b, layer3, layer3 + 4) || a[layer3 + 7] !== b[layer3 + 7] : a[layer3 + 1] !== b[layer3 + 1])
    return false;
  if (!ipv6 && (!same(a, b, layer3 + 6, layer3 + 9) || a[layer3 + 9] !== b[layer3 + 9])) return false;
  if (udp) return true;
  if (a[layer4 + 12] !== b[layer4 + 12] || (a[layer4 + 13]! | PSH) !== (b[layer4 + 13]! | PSH)) return false;
  return (
    same(a, b, layer4 + 8, layer4 + 12) &&
    same(a, b, layer4 + 14, layer4 + 16) &&
    same(a, b, layer4 + 18, b.length - y.payload.length)
  );
}

function same(a: Uint8Array, b: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (a[i] !== b[i]) return false;
  return true;
}
