/**
 * The one file that knows the exports of the core. It loads the module into memory of a fixed size, checks arguments,
 * and moves batches: bytes in, views of memory out. It counts its calls, so that the price of the boundary can be told.
 */

import { chooseCodec } from './codec/choose.ts';
import { type FrameCodec, INFLATE_CAUSES } from './codec/codec.ts';
import { pakoCodec } from './codec/pako.ts';
import type { FrameBatch, Random } from './host.ts';
import type { AccessRule } from './hub/access-rule.ts';
import { type AccessTable, accessTable } from './hub/access-table.ts';
import { portPolicy } from './hub/port-policy.ts';
import type { Policy } from './login/policy.ts';

/** "None": no hub, port or connection of this number. */
const NONE = 0xffff_ffff;
const NOT_WRITABLE = 0x8000_0000;
const PORT_SESSION = 1;
const PORT_TAP = 2;
const PORT_LINK = 3;
/** What `moveLinks` answers, in the order of `assembly/switch/link.ts`. */
const LINK_ANSWERS = ['done', 'more', 'waits'] as const;
const PAGE_BYTES = 65_536;

/** Why frames are dropped, in the order of `assembly/counters.ts`. */
export const DROP_CAUSES = [
  'too-short',
  'too-long',
  'malformed',
  'source-address',
  'same-port',
  'storm',
  'queue-full',
  'no-memory',
  'too-many-stations',
  'too-long-for-port',
  'not-inflatable',
  'waited-too-long',
  'loop',
  'policy',
  'access-list',
  'rate-limit',
  'host-address',
  'known-elsewhere',
] as const;

export type DropCause = (typeof DROP_CAUSES)[number];

/** Why a connection must be closed, in the order of `assembly/stream/decode.ts`; `protocol/data-plane.md` §1.4. */
const STREAM_ERRORS = [
  '',
  'a block is longer than the session allows',
  'a keep-alive is longer than 512 bytes',
  '',
  'a block says that it stands for frames of more than 65,535 bytes',
  'a compressed block does not fit those before it, or there is no memory for it',
  'the number of a batch is above 0x7fffffff, or the batch is empty',
] as const;
/** Not an error: the peer has sent its last on a connection. */
const STREAM_RETIRED = 3;
/** Beside any of these: the connection is not to be read for now. */
const STREAM_HELD = 0x100;
/** Likewise: frames of its session wait for those of an earlier batch. */
const STREAM_WAITS = 0x200;

/** Likewise: its session is to be tended. */
const STREAM_TENDED = 0x400;

/** `assembly/port.ts`: of a class, the bytes in front of its delays, and how many spans those are counted in. */
const CLASS_HEAD = 32;
const DELAY_SPANS = 32;
/** `assembly/queue/classes.ts`. */
const STAMPS_PER_MS = 16;

/** How much the core may hold at once. */
export interface CoreSizes {
  /** Frames of up to 2016 bytes, 2 KiB each. */
  readonly smallFrames: number;
  /** Frames of up to 64 KiB, 64 KiB each. */
  readonly largeFrames: number;
  /** Connections that may have unsent bytes at one time, 128 KiB each. */
  readonly outBuffers: number;
  /**
   * What connections of compressed sessions between own peers have carried last, 132 KiB each: two for each connection
   * that such a session may have. None when absent.
   */
  readonly windows?: number;
}

/**
 * 506 MiB of address space; only what was used becomes resident. Enough for 1,000 busy sessions, and an out buffer for
 * every session that there can be: one that does not read holds its own and nobody else's. Windows are for 85 compressed
 * sessions of own peers with one connection each; in further ones each frame is compressed by itself.
 */
export const SERVER_SIZES: CoreSizes = { smallFrames: 32_768, largeFrames: 1_536, outBuffers: 2_048, windows: 512 };
/**
 * 171 MiB of address space, of which only what was used becomes resident: one session of up to 32 connections and one TAP. Of
 * each kind of frames, when connections stop in both directions, four tenths wait for those that are missing and a quarter
 * is kept for the peer (KEEP_BYTES_MAX).
 */
export const CLIENT_SIZES: CoreSizes = { smallFrames: 32_768, largeFrames: 1_024, outBuffers: 64, windows: 72 };

/** `packetix`: `protocol/data-plane.md` §5.1, as every peer does; `extended`: `assembly/queue/classify.ts`. */
export type PriorityRule = 'packetix' | 'extended';

export interface PortOptions {
  readonly qos?: boolean;
  /** Which frames are priority frames; `packetix` when absent. */
  readonly priorityRule?: PriorityRule;
  readonly noStormLimit?: boolean;
  /** Both sides are ours, and tell each other when they are done with a connection. */
  readonly retires?: boolean;
  /** Takes unfinished checksums and super-frames of TCP: an own peer that agreed, or a TAP with offloads. */
  readonly offload?: boolean;
  /** Takes super-frames of UDP too. */
  readonly offloadUdp?: boolean;
  /** Both sides are ours: bulk batches are numbered and forwarded in their order, whatever connection they come on. */
  readonly orders?: boolean;
  /** Beside it: what a connection that stops or goes away has not delivered is sent on another one. Needs `tend`. */
  readonly resends?: boolean;
  /** Blocks are compressed, `protocol/data-plane.md` §2. */
  readonly compress?: boolean;
  /** Both sides are ours: only blocks that get smaller are compressed. */
  readonly deflate?: boolean;
  /** Beside `deflate`: a block refers to those before it on its connection. Needs `windows`. */
  readonly windowed?: boolean;
  /** Windows that the port's connections may need at one time; the port cannot be opened when there are not so many. */
  readonly windows?: number;
  /** Longest frame in bytes, 14 to 65,600; 1600 when absent (`protocol/data-plane.md` §1.4). */
  readonly frameMax?: number;
  /** Longest block in bytes; 3200 when absent. */
  readonly blockMax?: number;
  /** Stations that may be behind the port; 0 or absent: any number. */
  readonly stationsMax?: number;
  /** A station that was heard on another port in the last 13 s does not move to this one (`protocol/data-plane.md` §6.2). */
  readonly checkMac?: boolean;
  /** Largest MSS of TCP over IPv4 that passes the port either way, 64 to 65535 bytes; any when absent (`protocol/data-plane.md` §6.8). */
  readonly mssClamp?: number | undefined;
  /** Of a bridged interface the address that the host itself has on it: frames of that station do not pass (§6.11). */
  readonly hostMac?: Uint8Array;
  /** No hub can be behind it: probes for loops are not taken from there. */
  readonly leaf?: boolean;
}

/** What a session's policy is beside its own text. */
export interface PolicyOptions {
  /** Names in access lists. */
  readonly user?: string | undefined;
  readonly group?: string | undefined;
  /** Gets copies of all that others send, and sends nothing (`protocol/data-plane.md` §6.9). */
  readonly monitor?: boolean;
  /** Its connections run over IPv6. */
  readonly ipv6Outside?: boolean;
}

/** `assembly/port.ts` and `assembly/policy/bits.ts`. */
const PORT_NO_STORM_LIMIT = 2;
const PORT_CHECK_MAC = 0x10_0000;
const PORT_MONITOR = 0x80_0000;
const NO_DEFAULT_ROUTER = 1 << 16;
/** Bits per second in a byte per millisecond. */
const RATE_UNIT = 8_000;

/** Frames that the engine can ask a hub for, as bits: `assembly/switch/punt.ts`. */
export const PUNT_PROBE = 1;
export const PUNT_DHCP = 2;
export const PUNT_ADVERTISEMENT = 4;
/** Comes without being asked for: what a rule of the access list redirects. */
export const PUNT_REDIRECT = 8;

/** A frame that the engine asked for. */
export interface Punted {
  /** The port that it came from. */
  readonly port: number;
  readonly hub: number;
  /** One of the `PUNT_` bits. */
  readonly kind: number;
  /** A copy; of `PUNT_REDIRECT` up to the end of the TCP header. */
  readonly frame: Uint8Array;
  /** Of `PUNT_REDIRECT` only: the rule's place among the active ones, in their order, and the offset of the TCP header. */
  readonly redirect?: { readonly rule: number; readonly layer4: number };
}

/** What left a session in one class, bulk or priority. */
export interface ClassCounters {
  readonly frames: number;
  readonly bytes: number;
  readonly drops: number;
  /** Milliseconds that frames waited in the queue of late: half of them less, and all but a hundredth. */
  readonly delayP50: number;
  readonly delayP99: number;
}

export interface PortCounters {
  readonly receivedFrames: number;
  readonly receivedBytes: number;
  readonly sentFrames: number;
  readonly sentBytes: number;
  readonly drops: Partial<Record<DropCause, number>>;
}

/** What compression did for a port; bytes without what frames the blocks. */
export interface CompressionCounters {
  readonly sent: CodecCounters;
  readonly received: CodecCounters;
}

export interface CodecCounters {
  /** Bytes of the frames, and what they were in the tunnel. */
  readonly bytes: number;
  readonly compressedBytes: number;
  /** What it took, milliseconds. */
  readonly time: number;
}

/** What `dissect` finds in a frame; offsets are 0 where the layer is absent. */
export interface Dissection {
  readonly valid: boolean;
  readonly etherType: number;
  readonly vlan: number;
  readonly layer3: number;
  readonly layer4: number;
  readonly packetEnd: number;
  readonly protocol: number;
  /** ICMP: the type. */
  readonly sourcePort: number;
  /** ICMP: the code. */
  readonly destinationPort: number;
  readonly flags: number;
  readonly sourceIp: number;
  readonly destinationIp: number;
}

export interface CoreOptions {
  readonly sizes: CoreSizes;
  readonly random: Random;
  /** The scalar build, even where SIMD works. */
  readonly scalar?: boolean;
  /** The codec in JavaScript, even where the core's works. */
  readonly pako?: boolean;
  /** Milliseconds, with fractions: by it compression is timed. Absent: it is not timed. */
  readonly clock?: () => number;
}

/** The compiled core, as the host finds it beside the program. */
export type CoreBinary = (build: 'simd' | 'scalar') => Uint8Array;

interface CoreExports {
  readonly [name: string]: unknown;
  memoryBytes(small: number, large: number, out: number, windows: number): number;
  init(small: number, large: number, out: number, windows: number, seed1: bigint, seed2: bigint): void;
  openHub(mode: number, stormLimit: number): number;
  closeHub(hub: number): void;
  setPunts(hub: number, kinds: number, station: bigint): void;
  guardPort(port: number, host: bigint, mss: number): void;
  inject(port: number, length: number, now: number): number;
  blockPort(port: number, yes: number): void;
  setPolicy(
    port: number,
    source: number,
    target: number,
    flags: number,
    stations: number,
    ips: number,
    ipv6s: number,
    vlan: number,
    user: number,
    group: number,
  ): void;
  setRates(port: number, upload: number, download: number, now: number): void;
  setAccess(hub: number, first: number, count: number, entryRules: number): void;
  goOn(now: number): void;
  forgetStations(port: number): void;
  joinLink(a: number, b: number): void;
  moveLinks(now: number): number;
  openPort(hub: number, kind: number, flags: number, frameMax: number, blockMax: number, stationsMax: number): number;
  closePort(port: number): void;
  joinConnection(port: number, maySend: number, isLong: number, now: number): number;
  closeConnection(connection: number, now: number): void;
  releaseLate(port: number, now: number): number;
  batchesSkipped(port: number): number;
  batchesResent(port: number): number;
  batchesDoubled(port: number): number;
  tend(port: number, now: number): number;
  connectionRate(connection: number, rate: number): void;
  restConnection(connection: number, ms: number, now: number): number;
  revise(port: number): void;
  receive(count: number, now: number): void;
  fill(now: number): number;
  connectionWritable(connection: number): number;
  keepAlive(connection: number, size: number): void;
  retireConnection(connection: number): void;
  connectionDrained(connection: number): number;
  connectionReceivedBytes(connection: number): number;
  connectionSentBytes(connection: number): number;
  connectionUnsentBytes(connection: number): number;
  portQueuedBytes(port: number): number;
  tapRead(port: number, count: number, now: number): number;
  connectionHeld(connection: number, now: number): number;
  tapHeld(port: number, now: number): number;
  tapWrite(port: number): number;
  housekeep(now: number): void;
  hubFdb(hub: number): number;
  connectionReceivedAt(connection: number): number;
  connectionSentAt(connection: number): number;
  slotsFree(): number;
  slotsTotal(): number;
  framesIn(): number;
  classify(length: number, extended: number): number;
  tagOf(length: number): number;
  dissect(length: number): number;
  useHostCodec(yes: number): void;
  deflate(length: number): number;
  inflate(length: number, limit: number): number;
}

/** One instance of the data plane. All numbers that its methods return are valid until the thing is closed. */
export class Core {
  /** Calls from JavaScript into WebAssembly since the start. */
  calls = 0;
  readonly build: 'simd' | 'scalar';
  /** Places to read TAP frames into. */
  readonly readBatch: FrameBatch;
  /** Frames to write to a TAP. */
  readonly writeBatch: FrameBatch;
  /** Bytes that one turn's input may have. */
  readonly inboxBytes: number;
  /** Milliseconds for which a frame waits for those before it at most: see `releaseLate`. */
  readonly orderMs: number;
  /** Milliseconds for which `isHeld` and `isTapHeld` say yes at most. */
  readonly holdMs: number;

  /** Compresses single frames; chosen at the start. */
  readonly codec: FrameCodec;

  readonly #wasm: CoreExports;
  readonly #bytes: Uint8Array;
  readonly #words: Uint32Array;
  readonly #data: DataView;
  readonly #inbox: number;
  readonly #inboxTable: number;
  readonly #inboxEntries: number;
  readonly #outboxTable: number;
  readonly #scratch: number;
  readonly #scratchBytes: number;
  readonly #ports: number;
  readonly #portBytes: number;
  readonly #counters: number;
  readonly #drops: number;
  readonly #tapsReady: number;
  readonly #punts: number;
  readonly #puntBytes: number;
  readonly #codecs: number;
  readonly #classes: number;
  /** Windows that no open port has been promised. */
  #windowsFree: number;
  readonly #windowsOf = new Map<number, number>();
  readonly #waiting: number;
  readonly #access: { readonly at: number; readonly bytesEach: number; readonly max: number; readonly hubMax: number };
  /** Access lists of hubs, in the order in which they lie in the core. */
  readonly #lists = new Map<number, AccessTable>();
  /** Names of users and groups in access lists. */
  readonly #names = new Map<string, number>();
  #pieces = 0;
  #tail = 0;
  #lastPiece = NONE;

  /** Throws when this runtime cannot run the module or has not the memory. */
  constructor(binary: CoreBinary, options: CoreOptions) {
    const simd = options.scalar === true ? undefined : binary('simd');
    const usesSimd = simd !== undefined && WebAssembly.validate(simd);
    this.build = usesSimd ? 'simd' : 'scalar';
    const module = new WebAssembly.Module(usesSimd ? simd : binary('scalar'));
    // The module says how much memory its pools need, but memory must exist before it runs: ask on a small one first.
    const { smallFrames, largeFrames, outBuffers, windows = 0 } = options.sizes;
    const asked = instantiate(module, new WebAssembly.Memory({ initial: 1 }), NO_HOST);
    const pages = Math.ceil(asked.memoryBytes(smallFrames, largeFrames, outBuffers, windows) / PAGE_BYTES);
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    const bytes = new Uint8Array(memory.buffer);
    const wasm = instantiate(module, memory, {
      clock: options.clock ?? NO_HOST.clock,
      deflate: (from, length, to) => {
        const block = this.codec.deflate(bytes.subarray(from, from + length));
        bytes.set(block, to);
        return block.length;
      },
      inflate: (from, length, to, limit) => {
        const frame = this.codec.inflate(bytes.subarray(from, from + length), limit);
        if (typeof frame === 'string') return -1 - INFLATE_CAUSES.indexOf(frame);
        bytes.set(frame, to);
        return frame.length;
      },
    });
    this.#wasm = wasm;
    this.#bytes = bytes;
    this.#words = new Uint32Array(memory.buffer);
    this.#data = new DataView(memory.buffer);
    const constant = (name: string): number => (wasm[name] as { value: number }).value >>> 0;
    this.#inbox = constant('INBOX');
    this.inboxBytes = constant('INBOX_BYTES');
    this.holdMs = constant('HOLD_MS');
    this.orderMs = constant('ORDER_MS');
    this.#inboxTable = constant('INBOX_TABLE') >>> 2;
    this.#inboxEntries = constant('INBOX_ENTRIES');
    this.#outboxTable = constant('OUTBOX_TABLE') >>> 2;
    this.#scratch = constant('SCRATCH');
    this.#scratchBytes = constant('SCRATCH_BYTES');
    this.#ports = constant('PORTS');
    this.#portBytes = constant('PORT_BYTES');
    this.#counters = constant('PORT_COUNTERS');
    this.#drops = constant('PORT_DROPS');
    this.#tapsReady = constant('TAPS_READY') >>> 2;
    this.#punts = constant('PUNTS') >>> 2;
    this.#puntBytes = constant('PUNT_BYTES');
    const words = (name: string): Uint32Array => new Uint32Array(memory.buffer, constant(name), constant('TAP_BATCH'));
    this.#waiting = constant('WAITING');
    this.#access = {
      at: constant('ACCESS'),
      bytesEach: constant('RULE_BYTES'),
      max: constant('ACCESS_MAX'),
      hubMax: constant('ACCESS_HUB_MAX'),
    };
    const batch = (offsets: string, lengths: string): FrameBatch => ({
      memory: this.#bytes,
      offsets: words(offsets),
      lengths: words(lengths),
    });
    this.readBatch = { ...batch('TAP_READ_OFFSETS', 'TAP_READ_LENGTHS'), tags: words('TAP_READ_TAGS') };
    this.writeBatch = batch('TAP_WRITE_OFFSETS', 'TAP_WRITE_LENGTHS');
    const seeds = new DataView(options.random(16).buffer);
    wasm.init(smallFrames, largeFrames, outBuffers, windows, seeds.getBigUint64(0), seeds.getBigUint64(8));
    this.#windowsFree = windows;
    this.#codecs = constant('PORT_CODEC');
    this.#classes = constant('PORT_CLASSES');
    const result = constant('DEFLATE_RESULT');
    this.codec = chooseCodec([...(options.pako === true ? [] : [() => this.#ownCodec(result)]), pakoCodec]);
    wasm.useHostCodec(this.codec.name === 'wasm' ? 0 : 1);
  }

  /** Frames that entered a hub since the start. */
  get frames(): number {
    return this.#wasm.framesIn();
  }

  get buffersFree(): number {
    return this.#wasm.slotsFree();
  }

  get buffersTotal(): number {
    return this.#wasm.slotsTotal();
  }

  /** A hub that learns stations and limits storms; `stormLimit` in flooded frames per second of one source, 0 for none. */
  openSwitch(stormLimit: number): number {
    return this.#found(this.#wasm.openHub(0, stormLimit), 'hubs', 1024);
  }

  /** A hub that gives every frame to all other ports: a client's TAP and its session. */
  openPatch(): number {
    return this.#found(this.#wasm.openHub(1, 0), 'hubs', 1024);
  }

  /** The hub's ports must be closed before. */
  closeHub(hub: number): void {
    this.setAccessList(hub, []);
    this.#wasm.closeHub(hub);
  }

  /**
   * Asks for frames of these kinds, which `takePunted` hands over. Probes are for the engine alone, and so are DHCP's answers
   * to `station`, a MAC address; of what else is asked for, it gets a copy.
   */
  setPunts(hub: number, kinds: number, station?: Uint8Array): void {
    this.calls++;
    this.#wasm.setPunts(hub, kinds, station === undefined ? 0n : macNumber(station));
  }

  /** Whether there is something for `takePunted`. */
  get hasPunted(): boolean {
    return this.#words[this.#punts]! !== 0;
  }

  /** Hands over the frames that were asked for, and forgets them; at most 31 since the last call. */
  takePunted(): readonly Punted[] {
    const count = this.#words[this.#punts]!;
    this.#words[this.#punts] = 0;
    return Array.from({ length: count }, (_, i) => {
      const at = this.#punts * 4 + (i + 1) * this.#puntBytes;
      const [port, hub, kind, length] = [0, 1, 2, 3].map((word) => this.#words[(at >>> 2) + word]!);
      const frame = this.#bytes.slice(at + 16, at + 16 + (length! & 0xffff));
      const punted = { port: port!, hub: hub!, kind: kind! & 0xff, frame };
      if (punted.kind !== PUNT_REDIRECT) return punted;
      return { ...punted, redirect: { rule: kind! >>> 8, layer4: length! >>> 16 } };
    });
  }

  /** Has a frame of the engine's own leave by a port, also by one that is blocked. False when it cannot be queued. */
  inject(port: number, frame: Uint8Array, now: number): boolean {
    this.calls++;
    this.#toScratch('inject', frame);
    return this.#wasm.inject(port, frame.length, now) !== 0;
  }

  /** A blocked port lets only probes and what is injected pass; the stations behind it are forgotten. */
  block(port: number, yes: boolean): void {
    this.calls++;
    this.#wasm.blockPort(port, yes ? 1 : 0);
  }

  /**
   * Has the port keep to a policy: what `protocol/data-plane.md` §6.5 and §6.6 have tested of frames. To be called once for
   * a session, before its first frame.
   */
  setPolicy(port: number, policy: Policy, now: number, options: PolicyOptions = {}): void {
    this.calls++;
    const { tests, noRouter, stations, ips, ipv6s } = portPolicy(policy, options.ipv6Outside === true);
    const flags =
      (policy.NoBroadcastLimiter ? PORT_NO_STORM_LIMIT : 0) |
      (policy.CheckMac ? PORT_CHECK_MAC : 0) |
      (options.monitor === true ? PORT_MONITOR : 0);
    const user = options.user === undefined ? 0 : this.#nameNumber('user', options.user);
    const group = options.group === undefined ? 0 : this.#nameNumber('group', options.group);
    const target = tests | (noRouter ? NO_DEFAULT_ROUTER : 0);
    this.#wasm.setPolicy(port, tests, target, flags, stations, ips, ipv6s, policy.VLanId, user, group);
    this.#wasm.setRates(port, policy.MaxUpload / RATE_UNIT, policy.MaxDownload / RATE_UNIT, now);
  }

  /**
   * Has the hub keep to an access list, in place of the one that it had. Throws a `RangeError` when there are more rules than
   * a hub, or all hubs together, may have.
   */
  setAccessList(hub: number, rules: readonly AccessRule[]): void {
    const { at, bytesEach, max, hubMax } = this.#access;
    const table = accessTable(rules, bytesEach, (kind, name) => this.#nameNumber(kind, name));
    if (table.count > hubMax) {
      throw new RangeError(`core.setAccessList: rules: at most ${hubMax} of one hub, got ${table.count}`);
    }
    let others = 0;
    for (const [each, list] of this.#lists) if (each !== hub) others += list.count;
    if (others + table.count > max) {
      throw new RangeError(`core.setAccessList: rules: at most ${max} of all hubs, got ${others + table.count}`);
    }
    this.#lists.delete(hub);
    if (table.count > 0) this.#lists.set(hub, table);
    else this.#wasm.setAccess(hub, 0, 0, 0);
    let first = 0;
    for (const [each, list] of this.#lists) {
      this.#bytes.set(list.bytes, at + first * bytesEach);
      this.#wasm.setAccess(each, first, list.count, list.entryRules);
      first += list.count;
    }
  }

  /** When `goOn` is to be called: frames wait until then. Infinity when none does. */
  get dueAt(): number {
    return this.#data.getFloat64(this.#waiting, true);
  }

  /** Has frames go on that have waited for a limit or a rule until now. */
  goOn(now: number): void {
    this.calls++;
    this.#wasm.goOn(now);
  }

  /** Forgets the stations behind a port, as long as they are not heard again. */
  forgetStations(port: number): void {
    this.calls++;
    this.#wasm.forgetStations(port);
  }

  /** Joins two hubs: two ports, each of which is closed by its number. What enters by one leaves by the other. */
  openLink(hub: number, other: number, options: PortOptions): readonly [port: number, other: number] {
    const whole = { ...options, qos: true, offload: true, offloadUdp: true, frameMax: 65_600 };
    const port = this.#openPort(hub, PORT_LINK, whole);
    try {
      const far = this.#openPort(other, PORT_LINK, whole);
      this.#wasm.joinLink(port, far);
      return [port, far];
    } catch (error) {
      this.closePort(port);
      throw error;
    }
  }

  /**
   * Moves what waits in links to the hubs behind them, once: in hubs that are linked in a circle frames go on with the
   * next call. `more`: there is something to be moved; `waits`: the same, after at most `holdMs`.
   */
  moveLinks(now: number): 'done' | 'more' | 'waits' {
    this.calls++;
    return LINK_ANSWERS[this.#wasm.moveLinks(now)]!;
  }

  openSession(hub: number, options: PortOptions): number {
    return this.#openPort(hub, PORT_SESSION, options);
  }

  openTap(hub: number, options: PortOptions): number {
    return this.#openPort(hub, PORT_TAP, options);
  }

  /** Windows that a new port can have; none where the core's codec, which they are made for, does not work. */
  get windowsFree(): number {
    return this.codec.name === 'wasm' ? this.#windowsFree : 0;
  }

  /** Closes a port with its connections; what it still had to send is lost. */
  closePort(port: number): void {
    this.calls++;
    this.#windowsFree += this.#windowsOf.get(port) ?? 0;
    this.#windowsOf.delete(port);
    this.#wasm.closePort(port);
  }

  /**
   * A connection of a session. `maySend` is false where half duplex gives it to the peer; `isLong`: its round trips are long,
   * and others can do more than it can alone.
   */
  openConnection(port: number, maySend: boolean, now: number, isLong = false): number {
    this.calls++;
    return this.#found(this.#wasm.joinConnection(port, maySend ? 1 : 0, isLong ? 1 : 0, now), 'connections', 4096);
  }

  /** What of its frames waits for earlier ones is forwarded. */
  closeConnection(connection: number, now: number): void {
    this.calls++;
    this.#wasm.closeConnection(connection, now);
  }

  /** Forwards frames of the port that have waited for `orderMs` or longer; whether some still wait. */
  releaseLate(port: number, now: number): boolean {
    this.calls++;
    return this.#wasm.releaseLate(port, now) !== 0;
  }

  /** How often frames of the port were not waited for any longer. */
  batchesSkipped(port: number): number {
    return this.#wasm.batchesSkipped(port);
  }

  /** Batches that were sent again because their connection had stopped or gone away. */
  batchesResent(port: number): number {
    return this.#wasm.batchesResent(port);
  }

  /** Batches that came although they had come before, and were dropped. */
  batchesDoubled(port: number): number {
    return this.#wasm.batchesDoubled(port);
  }

  /**
   * Looks after a session that sends again: finds connections that have stopped, and has the peer told what has come.
   * To be called every 25 ms or so from the moment on when something was written or `tended` was called, as long as it says
   * yes; the next `fill` sends what follows from it.
   */
  tend(port: number, now: number): boolean {
    this.calls++;
    return this.#wasm.tend(port, now) !== 0;
  }

  /**
   * The connection will deliver hardly anything for so many milliseconds: what the peer does not have of it is sent on others,
   * and it gets nothing more until the peer has seen that it goes on. False, and nothing happens, where sessions do not
   * send again, and when fewer than half of those that bulk may go to would be left.
   */
  restConnection(connection: number, ms: number, now: number): boolean {
    this.calls++;
    return this.#wasm.restConnection(connection, ms, now) !== 0;
  }

  /** Has the next `fill` look at what waits in the port: a connection that has stopped is found out so. */
  revise(port: number): void {
    this.calls++;
    this.#wasm.revise(port);
  }

  /** Bytes per millisecond that the connection drains; 0: not known. */
  setRate(connection: number, rate: number): void {
    this.calls++;
    this.#wasm.connectionRate(connection, rate);
  }

  /** Bytes of the inbox that are free. A chunk that does not fit waits until `receive` has emptied it. */
  get inboxRoom(): number {
    return this.#pieces === this.#inboxEntries ? 0 : this.inboxBytes - this.#tail;
  }

  /** Whether the inbox holds something for `receive`. */
  get inboxUsed(): boolean {
    return this.#pieces !== 0;
  }

  /** Copies received bytes into the core: the one copy that they ever see on this side. */
  push(connection: number, bytes: Uint8Array): void {
    // Nothing to say, and in a full table no place to say it.
    if (bytes.length === 0) return;
    if (bytes.length > this.inboxRoom) {
      throw new RangeError(`core.push: bytes: at most ${this.inboxRoom} fit in the inbox, got ${bytes.length}`);
    }
    this.#bytes.set(bytes, this.#inbox + this.#tail);
    if (connection === this.#lastPiece) {
      const at = this.#inboxTable + (this.#pieces - 1) * 4;
      this.#words[at + 2] = this.#words[at + 2]! + bytes.length;
    } else {
      const at = this.#inboxTable + this.#pieces * 4;
      this.#words[at] = connection;
      this.#words[at + 1] = this.#tail;
      this.#words[at + 2] = bytes.length;
      this.#pieces++;
      this.#lastPiece = connection;
    }
    this.#tail += bytes.length;
  }

  /**
   * Handles what was pushed. `failed` is told of each connection that has to be closed, and why; `retired` of each on
   * which the peer has sent its last; `held` of each that is not to be read as long as `isHeld` says so; `waiting` of each
   * whose session has frames that wait for earlier ones; `tended` of each whose session is to be tended.
   */
  receive(
    now: number,
    failed: (connection: number, cause: string) => void,
    retired: (connection: number) => void = () => {},
    held: (connection: number) => void = () => {},
    waiting: (connection: number) => void = () => {},
    tended: (connection: number) => void = () => {},
  ): void {
    const pieces = this.#pieces;
    if (pieces === 0) return;
    this.calls++;
    this.#wasm.receive(pieces, now);
    this.#pieces = 0;
    this.#tail = 0;
    this.#lastPiece = NONE;
    for (let i = 0; i < pieces; i++) {
      const at = this.#inboxTable + i * 4;
      const word = this.#words[at + 3]!;
      const result = word & ~(STREAM_HELD | STREAM_WAITS | STREAM_TENDED);
      if (word & STREAM_HELD) held(this.#words[at]!);
      if (word & STREAM_WAITS) waiting(this.#words[at]!);
      if (word & STREAM_TENDED) tended(this.#words[at]!);
      if (result === STREAM_RETIRED) retired(this.#words[at]!);
      else if (result !== 0) failed(this.#words[at]!, STREAM_ERRORS[result] ?? 'the stream is broken');
    }
  }

  /** Offers what is to be written, after `written` was called for everything of the last offer; 0 when there is nothing. */
  fill(now: number): number {
    this.calls++;
    return this.#wasm.fill(now);
  }

  /** The connection of an offer, or undefined when it was closed meanwhile. */
  offeredConnection(index: number): number | undefined {
    const connection = this.#words[this.#outboxTable + index * 4]!;
    return connection === NONE ? undefined : connection;
  }

  /** The bytes of an offer: a view of the core's memory, valid until the next `fill`. */
  offeredBytes(index: number): Uint8Array {
    const at = this.#outboxTable + index * 4;
    const start = this.#words[at + 1]!;
    return this.#bytes.subarray(start, start + this.#words[at + 2]!);
  }

  /** How much of an offer was written, and whether the host would take more. */
  written(index: number, taken: number, writable: boolean): void {
    this.#words[this.#outboxTable + index * 4 + 3] = writable ? taken : (taken | NOT_WRITABLE) >>> 0;
  }

  /** The host takes bytes for the connection again. Whether a turn may find some for it. */
  connectionWritable(connection: number): boolean {
    this.calls++;
    return this.#wasm.connectionWritable(connection) !== 0;
  }

  /** Has a keep-alive of `size` random bytes sent, 0 to 512 (`protocol/data-plane.md` §1.2). */
  keepAlive(connection: number, size: number): void {
    this.calls++;
    this.#wasm.keepAlive(connection, size);
  }

  /** Sends nothing more on the connection but what is in its buffer, and between our own peers a last word. */
  retireConnection(connection: number): void {
    this.calls++;
    this.#wasm.retireConnection(connection);
  }

  /** Whether the host has taken everything that the connection had to send. */
  isDrained(connection: number): boolean {
    return this.#wasm.connectionDrained(connection) !== 0;
  }

  /** Bytes of the connection's tunnel stream, and those in its buffer that the host has not taken. */
  connectionBytes(connection: number): { readonly received: number; readonly sent: number; readonly unsent: number } {
    return {
      received: this.#wasm.connectionReceivedBytes(connection),
      sent: this.#wasm.connectionSentBytes(connection),
      unsent: this.#wasm.connectionUnsentBytes(connection),
    };
  }

  /** Bytes that wait in the port's queues. */
  queuedBytes(port: number): number {
    return this.#wasm.portQueuedBytes(port);
  }

  /** Takes over the first `count` frames of `readBatch` and returns how many places it has now. */
  tapRead(port: number, count: number, now: number): number {
    this.calls++;
    return this.#wasm.tapRead(port, count, now);
  }

  /** Whether the connection is not to be read now, because a queue is full of its session's frames. */
  isHeld(connection: number, now: number): boolean {
    this.calls++;
    return this.#wasm.connectionHeld(connection, now) !== 0;
  }

  /** Whether the TAP is not to be read now, because a queue is full of its frames. */
  isTapHeld(port: number, now: number): boolean {
    this.calls++;
    return this.#wasm.tapHeld(port, now) !== 0;
  }

  /** Puts a TAP's next frames into `writeBatch`, those of the last call being done with, and returns how many. */
  tapWrite(port: number): number {
    this.calls++;
    return this.#wasm.tapWrite(port);
  }

  /** Hands over the TAP ports that have frames to write, and forgets them. */
  takeReadyTaps(): readonly number[] {
    const count = this.#words[this.#tapsReady]!;
    if (count === 0) return [];
    const ports = Array.from(this.#words.subarray(this.#tapsReady + 1, this.#tapsReady + 1 + count));
    this.#words[this.#tapsReady] = 0;
    return ports;
  }

  /** To be called every ten seconds or so. */
  housekeep(now: number): void {
    this.calls++;
    this.#wasm.housekeep(now);
  }

  /** When the last block or keep-alive of the connection was complete. */
  receivedAt(connection: number): number {
    this.calls++;
    return this.#wasm.connectionReceivedAt(connection);
  }

  /** When something was last written for the connection. */
  sentAt(connection: number): number {
    this.calls++;
    return this.#wasm.connectionSentAt(connection);
  }

  /** Entries in a hub's forwarding table. */
  fdbSize(hub: number): number {
    return this.#wasm.hubFdb(hub);
  }

  /** Of a session: bulk, and priority frames. */
  classCounters(port: number): { readonly bulk: ClassCounters; readonly priority: ClassCounters } {
    const read = (at: number): ClassCounters => {
      const spans = Array.from({ length: DELAY_SPANS }, (_, i) => this.#data.getUint32(at + CLASS_HEAD + i * 4, true));
      return {
        frames: Number(this.#data.getBigUint64(at, true)),
        bytes: Number(this.#data.getBigUint64(at + 8, true)),
        drops: Number(this.#data.getBigUint64(at + 16, true)),
        delayP50: delayAt(spans, 0.5),
        delayP99: delayAt(spans, 0.99),
      };
    };
    const first = this.#ports + port * this.#portBytes + this.#classes;
    return { bulk: read(first), priority: read(first + CLASS_HEAD + DELAY_SPANS * 4) };
  }

  portCounters(port: number): PortCounters {
    const at = this.#ports + port * this.#portBytes;
    const counter = (offset: number): number => Number(this.#data.getBigUint64(at + offset, true));
    const drops: Partial<Record<DropCause, number>> = {};
    for (const [i, cause] of DROP_CAUSES.entries()) {
      const count = counter(this.#drops + i * 8);
      if (count !== 0) drops[cause] = count;
    }
    return {
      receivedFrames: counter(this.#counters),
      receivedBytes: counter(this.#counters + 8),
      sentFrames: counter(this.#counters + 16),
      sentBytes: counter(this.#counters + 24),
      drops,
    };
  }

  /** What compression did for a port; zeros where there is none. */
  compressionCounters(port: number): CompressionCounters {
    const at = this.#ports + port * this.#portBytes + this.#codecs;
    const counters = (way: number): CodecCounters => ({
      bytes: Number(this.#data.getBigUint64(at + way * 16, true)),
      compressedBytes: Number(this.#data.getBigUint64(at + way * 16 + 8, true)),
      time: this.#data.getFloat64(at + 32 + way * 8, true),
    });
    return { sent: counters(0), received: counters(1) };
  }

  /** Whether a frame is a priority frame. */
  isPriority(frame: Uint8Array, rule: PriorityRule = 'packetix'): boolean {
    this.#toScratch('isPriority', frame);
    return this.#wasm.classify(frame.length, rule === 'extended' ? 1 : 0) !== 0;
  }

  /** What tells the flow of a frame from others: 32 bits, the same for all of its frames. */
  flowTag(frame: Uint8Array): number {
    this.#toScratch('flowTag', frame);
    return this.#wasm.tagOf(frame.length) >>> 0;
  }

  dissect(frame: Uint8Array): Dissection {
    this.#toScratch('dissect', frame);
    const valid = this.#wasm.dissect(frame.length) !== 0;
    const at = (this.#scratch + this.#scratchBytes - 64) >>> 2;
    const word = (i: number): number => this.#words[at + i]!;
    return {
      valid,
      etherType: word(0),
      vlan: word(1),
      layer3: word(2),
      layer4: word(3),
      packetEnd: word(4),
      protocol: word(5),
      sourcePort: word(6),
      destinationPort: word(7),
      flags: word(8),
      sourceIp: word(9),
      destinationIp: word(10),
    };
  }

  #openPort(hub: number, kind: number, options: PortOptions): number {
    this.calls++;
    const flags =
      (options.qos === true ? 1 : 0) |
      (options.noStormLimit === true ? 2 : 0) |
      (options.retires === true ? 4 : 0) |
      (options.offload === true ? 8 : 0) |
      (options.offloadUdp === true ? 16 : 0) |
      (options.compress === true ? 32 : 0) |
      (options.deflate === true ? 64 : 0) |
      (options.windowed === true ? 128 : 0) |
      (options.orders === true ? 256 : 0) |
      (options.resends === true ? 1024 : 0) |
      (options.priorityRule === 'extended' ? 512 : 0) |
      (options.checkMac === true ? PORT_CHECK_MAC : 0) |
      (options.leaf === true ? 4096 : 0);
    const windows = options.windows ?? 0;
    if (windows > this.windowsFree) {
      throw new RangeError(`the core has ${this.windowsFree} windows for compression left, and ${windows} are needed`);
    }
    const frameMax = options.frameMax ?? 1600;
    const blockMax = options.blockMax ?? Math.max(3200, frameMax);
    const port = this.#wasm.openPort(hub, kind, flags, frameMax, blockMax, options.stationsMax ?? 0);
    const found = this.#found(port, 'ports', 2048);
    const { hostMac, mssClamp = 0 } = options;
    if (hostMac !== undefined || mssClamp !== 0) {
      this.#wasm.guardPort(found, hostMac === undefined ? 0n : macNumber(hostMac), mssClamp);
    }
    this.#windowsFree -= windows;
    if (windows > 0) this.#windowsOf.set(found, windows);
    return found;
  }

  /** Names are compared without regard to case. */
  #nameNumber(kind: 'user' | 'group', name: string): number {
    const key = `${kind} ${name.trim().toUpperCase()}`;
    const number = this.#names.get(key) ?? this.#names.size + 1;
    this.#names.set(key, number);
    return number;
  }

  #ownCodec(result: number): FrameCodec {
    const view = (length: number): Uint8Array => this.#bytes.subarray(result, result + length);
    return {
      name: 'wasm',
      deflate: (frame) => {
        this.#toScratch('deflate', frame);
        return view(this.#wasm.deflate(frame.length));
      },
      inflate: (block, limit) => {
        if (limit > PAGE_BYTES) throw new RangeError(`core.inflate: limit: at most ${PAGE_BYTES}, got ${limit}`);
        this.#toScratch('inflate', block, this.#scratchBytes);
        const length = this.#wasm.inflate(block.length, limit);
        return length < 0 ? INFLATE_CAUSES[-1 - length]! : view(length);
      },
    };
  }

  #found(number: number, what: string, limit: number): number {
    // WebAssembly's u32 arrives signed.
    if (number >>> 0 === NONE) throw new RangeError(`the core has no room for more than ${limit} ${what}`);
    return number;
  }

  #toScratch(call: string, input: Uint8Array, limit = PAGE_BYTES): void {
    if (input.length > limit) {
      throw new RangeError(`core.${call}: input: at most ${limit} bytes, got ${input.length}`);
    }
    this.#bytes.set(input, this.#scratch);
  }
}

/** What the core imports from its host besides memory. */
interface CoreImports {
  clock(): number;
  deflate(from: number, length: number, to: number): number;
  inflate(from: number, length: number, to: number, limit: number): number;
}

const NO_HOST: CoreImports = { clock: () => 0, deflate: () => 0, inflate: () => -1 };

function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory, imports: CoreImports): CoreExports {
  return new WebAssembly.Instance(module, { env: { memory, ...imports } }).exports as CoreExports;
}

/** As the core reads it: the first byte lowest. */
function macNumber(mac: Uint8Array): bigint {
  if (mac.length !== 6) throw new RangeError(`core.setPunts: station: expected 6 bytes, got ${mac.length}`);
  return mac.reduceRight((number, byte) => (number << 8n) | BigInt(byte), 0n);
}

/** The delay that `share` of what is counted in `spans` did not exceed, ms: the middle of the span in which it lies. */
function delayAt(spans: readonly number[], share: number): number {
  const all = spans.reduce((sum, count) => sum + count, 0);
  let seen = 0;
  for (const [i, count] of spans.entries()) {
    seen += count;
    if (count > 0 && seen >= all * share) return (spanStart(i) + spanStart(i + 1)) / 2 / STAMPS_PER_MS;
  }
  return 0;
}

/** Two spans for each power of two. */
function spanStart(span: number): number {
  return span < 2 ? span : 2 ** (span >> 1) * (span % 2 === 0 ? 1 : 1.5);
}
