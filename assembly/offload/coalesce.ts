/**
 * Joining the frames of one flow before they are written to a TAP: the kernel takes one super-frame for the price of a
 * frame. The rules are those of its own GRO (`net/ipv4/tcp_offload.c`): cut again, a super-frame must give the frames
 * that it was made of. Frames of a flow never pass one another.
 */

import { FLOW_BYTES, FLOWS, FLOWS_MAX, IP_BYTES_MAX, TCP_SEGMENT_MIN, UDP_JOINED_MAX } from '../memory';
import { frameOf, largeFree, largeTotal, releaseSlot, Slot, takeLarge } from '../pool';
import { fold, pseudoHeader, sum } from '../wire/checksum';
import { ETHERTYPE_IPV4 } from '../wire/ethernet';
import { finishIpv4, IPV4_BYTES, setIpv4TotalLength } from '../wire/ipv4';
import { IPV6_BYTES, isIpv6Extension, setIpv6PayloadLength } from '../wire/ipv6';
import { etherType, layer3 as ipAt, parse } from '../wire/packet';
import { TCP, TCP_BYTES, TCP_FLAGS, tcpFlags, tcpHeaderBytes, tcpSequence } from '../wire/tcp';
import { setUdpLength, UDP, UDP_BYTES, UDP_CHECKSUM, udpLength } from '../wire/udp';
import { isSound } from './sound';

// As they lie in memory.
const IPV4: u16 = 0x0008;
const IPV6: u16 = 0xdd86;
const VLAN: u16 = 0x0081;
/** More fragments, and the offset of a fragment. */
const FRAGMENT: u16 = 0xff3f;
const DONT_FRAGMENT: u16 = 0x0040;
const VERSION_4_NO_OPTIONS: u8 = 0x45;
const PSH: u32 = 0x08;
const ACK: u32 = 0x10;
/** In the word of data offset, flags and window. */
const PSH_IN_WORD: u32 = PSH << 8;

/** What may still be appended to. */
@unmanaged
class Flow {
  /** Its place in the batch. */
  entry: u32;
  slot: u32;
  /** The next byte, TCP. */
  sequence: u32;
  /** Payload bytes of its first frame. */
  segment: u32;
  frames: u32;
}

let open: u32 = 0;

// What `inspect` found in the frame at hand.
let frame: u32 = 0;
let layer3: u32 = 0;
let layer4: u32 = 0;
/** 0 for a frame that is of no flow: it neither joins nor is in the way of others. */
let protocol: u32 = 0;
let ipv6: bool = false;
/** Offset of the payload. */
let headers: u32 = 0;
let payload: u32 = 0;
let joinable: bool = false;

/** Before the first frame of a batch. */
export function startFlows(): void {
  open = 0;
}

/**
 * Appends the frame to an earlier one of its flow, whose slot then is `joinedSlot` and whose place in the batch
 * `joinedEntry`. False when it has to stand for itself; then `openFlow` is to be called for it.
 */
export function join(slot: u32, udpToo: bool): bool {
  inspect(slot, udpToo);
  if (protocol == 0) return false;
  const index = find();
  if (index == open) return false;
  const flow = flowAt(index);
  if (!fits(flow) || !hasRoom(flow) || !isTrue(flow.slot) || !isTrue(slot)) {
    close(index);
    return false;
  }
  append(flow);
  joinedSlot = flow.slot;
  joinedEntry = flow.entry;
  // A shorter one is the last of a super-frame, and so is one that the sender pushed.
  if (payload < flow.segment || isPushed()) close(index);
  return true;
}

export let joinedSlot: u32 = 0;
export let joinedEntry: u32 = 0;

/** Notes the frame that `join` has just refused: the next of its flow may be appended to it. */
export function openFlow(slot: u32, entry: u32): void {
  if (!joinable || isPushed() || (protocol == TCP && payload < TCP_SEGMENT_MIN)) return;
  // The flow that has waited longest makes room: with more flows than that at a time there is little to join.
  if (open == FLOWS_MAX) close(0);
  const flow = flowAt(open++);
  flow.entry = entry;
  flow.slot = slot;
  flow.sequence = protocol == TCP ? tcpSequence(frame + layer4) + payload : 0;
  flow.segment = payload;
  flow.frames = 1;
}

/** Makes the checksums of a super-frame fit what was appended to it. */
export function finishJoined(slot: u32): void {
  const s = changetype<Slot>(slot);
  parse(frameOf(slot), s.length);
  if (etherType == ETHERTYPE_IPV4) finishIpv4(frameOf(slot) + ipAt);
  isSound(slot);
}

@inline
function flowAt(index: u32): Flow {
  return changetype<Flow>(FLOWS + index * FLOW_BYTES);
}

function close(index: u32): void {
  open--;
  // In their order, so that the first is the oldest.
  memory.copy(FLOWS + index * FLOW_BYTES, FLOWS + (index + 1) * FLOW_BYTES, (open - index) * FLOW_BYTES);
}

function inspect(slot: u32, udpToo: bool): void {
  const s = changetype<Slot>(slot);
  const length = s.length;
  frame = frameOf(slot);
  protocol = 0;
  joinable = false;
  layer3 = 14;
  let type = load<u16>(frame, 12);
  if (type == VLAN) {
    type = load<u16>(frame, 16);
    layer3 = 18;
  }
  let end: u32;
  let transport: u32;
  if (type == IPV4) {
    if (length < layer3 + 28) return;
    // Options and fragments are rare. Whose they are is not looked for: nothing that comes behind one may pass it.
    if (load<u8>(frame + layer3) != VERSION_4_NO_OPTIONS || load<u16>(frame + layer3, 6) & FRAGMENT) {
      open = 0;
      return;
    }
    ipv6 = false;
    layer4 = layer3 + 20;
    end = layer3 + <u32>bswap<u16>(load<u16>(frame + layer3, 2));
    transport = <u32>load<u8>(frame + layer3, 9);
  } else if (type == IPV6) {
    if (length < layer3 + IPV6_BYTES + 8) return;
    ipv6 = true;
    layer4 = layer3 + IPV6_BYTES;
    end = layer4 + <u32>bswap<u16>(load<u16>(frame + layer3, 4));
    transport = <u32>load<u8>(frame + layer3, 6);
    if (isIpv6Extension(transport)) open = 0;
  } else {
    return;
  }
  if (transport == TCP) {
    if (length < layer4 + TCP_BYTES) return;
    headers = layer4 + tcpHeaderBytes(frame + layer4);
  } else if (transport == UDP && udpToo) {
    headers = layer4 + UDP_BYTES;
  } else {
    return;
  }
  protocol = transport;
  // Padding, super-frames, and packets without payload: they only end what came before.
  if (end != length || headers >= length || headers < layer4 + UDP_BYTES || s.segment != 0) return;
  payload = length - headers;
  joinable = protocol == UDP
    ? load<u16>(frame + layer4, UDP_CHECKSUM) != 0 && udpLength(frame + layer4) == length - layer4
    : headers >= layer4 + TCP_BYTES && (tcpFlags(frame + layer4) & ~PSH) == ACK;
}

@inline
function isPushed(): bool {
  return protocol == TCP && (tcpFlags(frame + layer4) & PSH) != 0;
}

/** The open flow of the frame, or `open`. */
function find(): u32 {
  let index: u32 = 0;
  while (index < open && !isSameFlow(frameOf(flowAt(index).slot))) index++;
  return index;
}

function isSameFlow(other: u32): bool {
  if (load<u32>(other + layer4) != load<u32>(frame + layer4)) return false;
  // Ethernet, with the tag; then the protocol, which lies elsewhere in the two versions of IP.
  if (load<u64>(other) != load<u64>(frame) || load<u64>(other, 6) != load<u64>(frame, 6)) return false;
  if (layer3 == 18 && load<u32>(other, 14) != load<u32>(frame, 14)) return false;
  const a = other + layer3;
  const b = frame + layer3;
  if (!ipv6) return load<u8>(a, 9) == load<u8>(b, 9) && load<u64>(a, 12) == load<u64>(b, 12);
  return load<u8>(a, 6) == load<u8>(b, 6)
    && load<u64>(a, 8) == load<u64>(b, 8) && load<u64>(a, 16) == load<u64>(b, 16)
    && load<u64>(a, 24) == load<u64>(b, 24) && load<u64>(a, 32) == load<u64>(b, 32);
}

/** Whether the frame continues the flow such that nobody could tell, were both cut from one. */
function fits(flow: Flow): bool {
  if (!joinable || payload > flow.segment) return false;
  const first = frameOf(flow.slot);
  const length = changetype<Slot>(flow.slot).length;
  if (length - layer3 + payload > IP_BYTES_MAX) return false;
  const a = first + layer3;
  const b = frame + layer3;
  if (ipv6) {
    // Traffic class, flow label, hop limit.
    if (load<u32>(a) != load<u32>(b) || load<u8>(a, 7) != load<u8>(b, 7)) return false;
  } else {
    // Type of service, don't fragment, time to live.
    if (load<u8>(a, 1) != load<u8>(b, 1) || load<u16>(a, 6) != load<u16>(b, 6) || load<u8>(a, 8) != load<u8>(b, 8)) return false;
    // Who may not be fragmented needs no identification (RFC 6864 §4.1); another one counts its packets.
    const follows = bswap<u16>(load<u16>(a, 4)) + <u16>flow.frames == bswap<u16>(load<u16>(b, 4));
    if (!follows && !(load<u16>(a, 6) & DONT_FRAGMENT)) return false;
  }
  if (protocol == UDP) return flow.frames < UDP_JOINED_MAX;
  const x = first + layer4;
  const y = frame + layer4;
  if (tcpSequence(y) != flow.sequence || load<u32>(x, 8) != load<u32>(y, 8)) return false;
  // Data offset, flags but PSH, window; the urgent pointer; all options, time stamps included.
  if ((load<u32>(x, 12) ^ load<u32>(y, 12)) & ~PSH_IN_WORD) return false;
  if (load<u16>(x, 18) != load<u16>(y, 18)) return false;
  return memory.compare(x + TCP_BYTES, y + TCP_BYTES, headers - layer4 - TCP_BYTES) == 0;
}

/**
 * Whether the checksums may be left to us and the kernel: it does not look at those of a super-frame, so a frame that was
 * damaged on its way to the peer must not become part of one.
 */
function isTrue(slot: u32): bool {
  const s = changetype<Slot>(slot);
  // Made of frames that were seen to be right.
  if (s.segment != 0) return true;
  const at = frameOf(slot);
  if (!ipv6 && fold(sum(at + layer3, IPV4_BYTES)) != 0xffff) return false;
  if (s.unfinished) return true;
  const length = s.length - layer4;
  return fold(pseudoHeader(at + layer3, ipv6, protocol, length) + sum(at + layer4, length)) == 0xffff;
}

/** The last quarter of the large slots is for frames that need one. */
@inline
function hasRoom(flow: Flow): bool {
  return flow.frames != 1 || largeFree > largeTotal >> 2;
}

function append(flow: Flow): void {
  let to = changetype<Slot>(flow.slot);
  if (flow.frames == 1) {
    const slot = takeLarge();
    const joined = changetype<Slot>(slot);
    memory.copy(frameOf(slot), frameOf(flow.slot), to.length);
    joined.length = to.length;
    joined.unfinished = 1;
    joined.segment = <u16>flow.segment;
    releaseSlot(flow.slot);
    flow.slot = slot;
    to = joined;
  }
  const first = frameOf(flow.slot);
  memory.copy(first + to.length, frame + headers, payload);
  to.length += payload;
  flow.frames++;
  flow.sequence += payload;
  const ip = first + layer3;
  if (ipv6) setIpv6PayloadLength(ip, to.length - layer4);
  else setIpv4TotalLength(ip, to.length - layer3);
  if (protocol == UDP) setUdpLength(first + layer4, to.length - layer4);
  else store<u8>(first + layer4, <u8>(tcpFlags(first + layer4) | tcpFlags(frame + layer4)), TCP_FLAGS);
}
