/** A port of a hub: where frames enter and leave the switch. Behind it is a session or a TAP. */

import { DROP_CAUSES } from './counters';
import { FLOW_MEMORY_BYTES } from './deflate/flows';
import { NONE, PORT_BYTES, PORTS, PORTS_MAX, SEEN_NUMBERS } from './memory';

export const PORT_FREE: u32 = 0;
export const PORT_SESSION: u32 = 1;
export const PORT_TAP: u32 = 2;
/** One end of a link between two hubs, `switch/link.ts`. */
export const PORT_LINK: u32 = 3;

/** Frames towards this port are sorted into two priorities, `protocol/data-plane.md` §5. */
export const PORT_QOS: u32 = 1;
/** What this port floods is not limited, `protocol/data-plane.md` §6.3. */
export const PORT_NO_STORM_LIMIT: u32 = 2;
/** Takes frames with unfinished checksums and TCP super-frames: an own peer that agreed, or a TAP with offloads. */
export const PORT_OFFLOAD: u32 = 8;
/** Takes UDP super-frames too: Linux 6.2 and later. */
export const PORT_OFFLOAD_UDP: u32 = 16;

/** Both sides are ours: a connection says when it is done with, so that it can be closed without loss. */
export const PORT_RETIRES: u32 = 4;

/** Blocks are compressed, `protocol/data-plane.md` §2: each is a zlib stream of its own. */
export const PORT_COMPRESS: u32 = 32;
/** Both sides are ours: beside PORT_COMPRESS, only blocks with BLOCK_DEFLATED are compressed. */
export const PORT_DEFLATE: u32 = 64;
/** Beside both: what is deflated goes on where the last such block ended. */
export const PORT_WINDOW: u32 = 128;

/** Both sides are ours: bulk batches are numbered, so that one flow can use several connections. */
export const PORT_ORDERS: u32 = 256;

/** Beside it: what a connection that stops or goes away has not delivered is sent on another one, `stream/keep.ts`. */
export const PORT_RESENDS: u32 = 1024;

/** Priority frames are told by `isPriorityExtended`. */
export const PORT_EXTENDED: u32 = 512;

/** Part of a loop: only probes pass, `switch/punt.ts`. */
export const PORT_BLOCKED: u32 = 2048;
/** No hub can be behind it: probes from there are dropped, `switch/punt.ts`. */
export const PORT_LEAF: u32 = 4096;

/** A station that was heard elsewhere just now is not taken over, policy CheckMac, `protocol/data-plane.md` §6.2. */
export const PORT_CHECK_MAC: u32 = 0x10_0000;
/** Frames from it, or towards it, are looked at: `policy/source.ts` and `policy/target.ts`. */
export const PORT_POLICED: u32 = 0x20_0000;
export const PORT_GUARDED: u32 = 0x40_0000;
/** Gets copies of what others send, and nothing else; `protocol/data-plane.md` §6.9. */
export const PORT_MONITOR: u32 = 0x80_0000;
/** What it gets has a limit: `policy/rate.ts`. */
export const PORT_LIMITED: u32 = 0x100_0000;

@unmanaged
export class Port {
  kind: u32;
  flags: u32;
  hub: u32;
  /** Longest frame that this port accepts and is given, bytes. */
  frameMax: u32;
  /** Longest block that its connections accept, bytes. */
  blockMax: u32;
  /** Stations that may be learned on it; 0: any number. */
  stationsMax: u32;
  stations: u32;
  /** First of its forwarding table entries. */
  fdbHead: u32;
  /** Ports of the same hub. */
  nextInHub: u32;
  previousInHub: u32;
  /** Its connections, in the order in which they joined. */
  firstConnection: u32;
  connections: u32;
  /** On the list of ports with something to send. */
  ready: u32;
  nextReady: u32;
  /** Frames in large slots, in both queues. */
  large: u32;
  /** 1: it took too long to catch up, and holds nobody up until it has. */
  late: u32;
  /** Bulk: its flows in BULK that have their turn first, and those that had one (`queue/bulk.ts`). */
  newFlows: u32;
  newLast: u32;
  oldFlows: u32;
  oldLast: u32;
  frames0: u32;
  bytes0: u32;
  /** Priority. */
  head1: u32;
  tail1: u32;
  frames1: u32;
  bytes1: u32;
  /** 1: none of its connections takes a super-frame at once; it gets frames of ordinary length. */
  slow: u32;
  /** The port whose queue it has filled, or NONE, and until when it waits for it; host's ms. */
  heldBy: u32;
  /** Of a link: its other end, or NONE. */
  peer: u32;
  heldUntil: f64;
  /** A bridged interface: the address that the host itself has on it, or 0; see `switch/bridged.ts`. */
  host: u64;
  /** Largest MSS of TCP over IPv4 through this port, or 0: any; see `switch/mss.ts`. */
  mss: u32;
  /** From the port into the hub. */
  receivedFrames: u64;
  receivedBytes: u64;
  /** From the hub out of the port. */
  sentFrames: u64;
  sentBytes: u64;
}

/** Byte offset of `receivedFrames`: four u64, then the drops by cause, u64 each. */
export const PORT_COUNTERS: u32 = offsetof<Port>('receivedFrames');
export const PORT_DROPS: u32 = PORT_COUNTERS + 32;

/** What compression has done: bytes of frames, what they were on the wire, and the time that it took, ms. */
@unmanaged
export class Codec {
  sentBytes: u64;
  sentDeflated: u64;
  receivedBytes: u64;
  receivedDeflated: u64;
  sendTime: f64;
  receiveTime: f64;
}

/** Byte offset of the port's `Codec`, and of its memory of flows (`deflate/flows.ts`). */
export const PORT_CODEC: u32 = PORT_DROPS + DROP_CAUSES * 8;
const PORT_FLOWS: u32 = PORT_CODEC + 48;

/** See `stream/order.ts`. */
@unmanaged
export class Order {
  /** Number of the next batch that is sent, and of the one whose turn it is to be forwarded. */
  sent: u32;
  expected: u32;
  /** Bytes of frames that wait. */
  bytes: u32;
  /** How often batches were given up. */
  skipped: u32;
  /** Since when frames wait for the same batch, host's ms; 0 when none does. */
  since: f64;
  /** The connection whose turn it is, how many bytes it got in it, since when, and when it got the last. */
  lane: u32;
  laneBytes: u32;
  laneSince: f64;
  laneUsed: f64;
  /** Bytes that all of them got since when, and whether that was much in the span before. */
  spanBytes: u32;
  fast: u32;
  spanSince: f64;
  /** Batches that wait for earlier ones, by number, and how many they are. */
  heldFirst: u32;
  heldLast: u32;
  held: u32;
  /** Blocks of the batch whose turn it is that were forwarded: it may come on two connections. */
  taken: u32;
}

/** What was sent and may have to be sent again, `stream/keep.ts`. */
@unmanaged
export class Keep {
  /** Batches that the peer is not known to have, by number. */
  first: u32;
  last: u32;
  /** Bytes of the frame buffers that are kept. */
  bytes: u32;
  /** How many of the batches are to be sent again. */
  waiting: u32;
  /** Bytes that all batches took, modulo 2 ** 32. */
  offset: u32;
  /** How many were sent again. */
  resent: u32;
  /** When the peer got the first, host's ms, and how long a batch takes to be acknowledged. */
  moved: f64;
  roundTrip: f64;
}

/** What came and what the peer was told of it, `stream/account.ts`. */
@unmanaged
export class Account {
  /** The first number that has not come, and the one behind the last that has. */
  base: u32;
  top: u32;
  /** 1: the peer is to be told something. 2: now. */
  due: u32;
  bytes: u32;
  since: f64;
  /** The connection on which it was told last when nothing else was to be sent. */
  lane: u32;
  /** Batches that had come before. */
  doubles: u32;
}

const PORT_ORDER: u32 = PORT_FLOWS + FLOW_MEMORY_BYTES;

/** Delays of a class are counted in so many spans: see `queue/classes.ts`. */
export const DELAY_SPANS: u32 = 32;

/** What left a session in one class, and what was dropped; behind it the counts of delays, u32 each. */
@unmanaged
export class Class {
  frames: u64;
  bytes: u64;
  drops: u64;
  /** How many delays are in the counts. */
  delays: u32;
}

const CLASS_HEAD: u32 = 32;
const CLASS_BYTES: u32 = CLASS_HEAD + DELAY_SPANS * 4;
/** Byte offset of the two classes: bulk, priority. */
export const PORT_CLASSES: u32 = PORT_ORDER + 80;
const PORT_KEEP: u32 = PORT_CLASSES + 2 * CLASS_BYTES;
const PORT_ACCOUNT: u32 = PORT_KEEP + 48;
const PORT_SEEN: u32 = PORT_ACCOUNT + 40;
const PORT_RULES: u32 = PORT_SEEN + SEEN_NUMBERS / 8;

/** What the policy of a session says, `protocol/data-plane.md` §6.5; zeros without one. */
@unmanaged
export class Rules {
  /** Tests of what it sends, and of what it gets: `policy/bits.ts`. */
  source: u32;
  target: u32;
  /** IPv4 and IPv6 addresses that it may have; 0: any number. */
  ipMax: u32;
  ipv6Max: u32;
  /** VLAN of the session, 1 to 4095, or 0. */
  vlan: u32;
  /** Numbers of its user and group in access lists; 0: none. */
  user: u32;
  group: u32;
  /** Its IP addresses: the one that was heard last first. */
  ipFirst: u32;
  ipLast: u32;
  ips: u32;
  ipv6First: u32;
  ipv6Last: u32;
  ipv6s: u32;
  /** Bytes that wait for the upload limit. */
  uploadWaiting: u32;
  /** Bytes per millisecond; 0: no limit. And when what has passed so far would have passed at that rate, host's ms. */
  uploadRate: f64;
  uploadAt: f64;
  downloadRate: f64;
  downloadAt: f64;
  /** Bulk bytes that may wait for the download limit. */
  downloadBytesMax: u32;
  /** 1: it waits to send. */
  pacing: u32;
  /** 1: it is to get the frame at hand without its tag. */
  untags: u32;
}

/** What a port needs in all. */
export const PORT_USED: u32 = PORT_RULES + offsetof<Rules>();

@inline
export function rulesOf(port: u32): Rules {
  return changetype<Rules>(PORTS + port * PORT_BYTES + PORT_RULES);
}

@inline
export function classOf(port: u32, priority: bool): Class {
  return changetype<Class>(PORTS + port * PORT_BYTES + PORT_CLASSES + (priority ? CLASS_BYTES : 0));
}

@inline
export function delaysOf(port: u32, priority: bool): u32 {
  return changetype<u32>(classOf(port, priority)) + CLASS_HEAD;
}

@inline
export function orderOf(port: u32): Order {
  return changetype<Order>(PORTS + port * PORT_BYTES + PORT_ORDER);
}

@inline
export function keepOf(port: u32): Keep {
  return changetype<Keep>(PORTS + port * PORT_BYTES + PORT_KEEP);
}

@inline
export function accountOf(port: u32): Account {
  return changetype<Account>(PORTS + port * PORT_BYTES + PORT_ACCOUNT);
}

/** Where the bits of an account are. */
@inline
export function seenOf(port: u32): u32 {
  return PORTS + port * PORT_BYTES + PORT_SEEN;
}

@inline
export function codecOf(port: u32): Codec {
  return changetype<Codec>(PORTS + port * PORT_BYTES + PORT_CODEC);
}

@inline
export function flowsOf(port: u32): u32 {
  return PORTS + port * PORT_BYTES + PORT_FLOWS;
}

@inline
export function portAt(port: u32): Port {
  return changetype<Port>(PORTS + port * PORT_BYTES);
}

@inline
export function countDrop(port: u32, cause: u32): void {
  const at = PORTS + port * PORT_BYTES + PORT_DROPS + (cause << 3);
  store<u64>(at, load<u64>(at) + 1);
}

/** A free port, wiped, or NONE. */
export function takePort(): u32 {
  for (let i: u32 = 0; i < PORTS_MAX; i++) {
    const port = portAt(i);
    if (port.kind != PORT_FREE) continue;
    memory.fill(changetype<usize>(port), 0, PORT_BYTES);
    port.fdbHead = NONE;
    port.nextInHub = NONE;
    port.previousInHub = NONE;
    port.firstConnection = NONE;
    port.nextReady = NONE;
    port.heldBy = NONE;
    port.peer = NONE;
    port.newFlows = NONE;
    port.oldFlows = NONE;
    const rules = rulesOf(i);
    rules.ipFirst = rules.ipLast = rules.ipv6First = rules.ipv6Last = NONE;
    return i;
  }
  return NONE;
}
