/**
 * `npm run bench -- core`: what the data plane costs by itself, without sockets, TAPs and TLS. Frames go in as a
 * channel or a TAP brings them and come out as they are handed to one; the copy into the core is part of it.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Core, SERVER_SIZES } from '../engine/core.ts';
import { VNET_HEADER_BYTES } from '../engine/host.ts';
import { DEFAULT_POLICY } from '../engine/login/policy.ts';
import { projectRoot } from '../lab/runtime.ts';
import { compileCounting } from './core-counting.ts';
import {
  BROADCAST,
  block,
  flowBlock,
  frame,
  HEADERS,
  SEGMENT,
  STATION_A,
  STATION_B,
  superBlock,
  VNET,
} from './core-frames.ts';
import { table } from './table.ts';

export interface CoreBenchOptions {
  /** How long each figure is measured; the best of five such spans counts. */
  readonly milliseconds: number;
  readonly builds: readonly ('simd' | 'scalar')[];
  /** This scenario alone. */
  readonly only?: string;
}

export interface CoreBenchResult {
  readonly what: string;
  readonly build: 'simd' | 'scalar';
  /** For each frame that went out, or for each operation. */
  readonly nsEach: number;
  readonly gbitPerSecond: number;
  /** From JavaScript into WebAssembly; undefined where one call is the operation. */
  readonly callsEach: number | undefined;
  /**
   * Bytes copied in the core's memory for each byte that went out, counted on the same sources (`core-counting.ts`). What
   * JavaScript copies into it counts; what the kernel puts there, or takes, does not. Undefined as above.
   */
  readonly copiesPerByte: number | undefined;
}

/** What one round did. */
interface Round {
  readonly count: number;
  readonly bytes: number;
}

const FRAME_MAX = 65_600;
const LARGE = 65_549;
const SPANS = 5;
/** What one turn of the event loop brings: three frames of 64 KiB, or as many smaller ones as there is room for. */
const CHUNK = 3 * (LARGE + 4);
/** Frames in one batch from a TAP, at most. */
const BATCH = 128;
/** Super-frames in one turn: `TAP_READ_BYTES` of the engine. */
const SUPER_BATCH = 4;

export async function run(options: CoreBenchOptions): Promise<CoreBenchResult[]> {
  const results: CoreBenchResult[] = [];
  for (const build of options.builds) {
    const counting = await compileCounting(build);
    for (const [what, scenario] of SCENARIOS) {
      if (options.only !== undefined && options.only !== what) continue;
      const core = open(build, readFileSync(join(projectRoot, 'build', FILES[build])));
      const figures = measure(core, scenario(core), options.milliseconds);
      const copiesPerByte = figures.callsEach === undefined ? undefined : countCopies(open(build, counting), scenario);
      results.push({ what, build, ...figures, copiesPerByte });
      // Lets signals in.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  return results;
}

export function render(results: readonly CoreBenchResult[]): string {
  const head = ['what', 'build', 'ns each', 'Gbit/s', 'calls each', 'copies per byte'];
  const rows = results.map((r) => [
    r.what,
    r.build,
    r.nsEach.toFixed(r.nsEach < 100 ? 1 : 0),
    r.gbitPerSecond.toFixed(2),
    r.callsEach === undefined ? '' : r.callsEach.toFixed(4),
    r.copiesPerByte === undefined ? '' : r.copiesPerByte.toFixed(2),
  ]);
  return table(head, rows);
}

const SCENARIOS: readonly (readonly [what: string, scenario: (core: Core) => () => Round])[] = [
  ['session to session, 60 bytes', (core) => sessionToSession(core, 60)],
  ['session to session, 1514 bytes', (core) => sessionToSession(core, 1_514)],
  ['session to session, 64 KiB', (core) => sessionToSession(core, LARGE)],
  ['TAP to session, 60 bytes', (core) => tapToSession(core, 60)],
  ['TAP to session, 1514 bytes', (core) => tapToSession(core, 1_514)],
  ['TAP to session, 64 KiB', (core) => tapToSession(core, LARGE)],
  ['session to TAP, 60 bytes', (core) => sessionToTap(core, 60)],
  ['session to TAP, 1514 bytes', (core) => sessionToTap(core, 1_514)],
  ['session to TAP, 64 KiB', (core) => sessionToTap(core, LARGE)],
  ['TAP to own peer, super-frames of 64 KiB', (core) => superFrames(core, true)],
  ['TAP to SoftEther, super-frames cut to 1514 bytes', (core) => superFrames(core, false)],
  ['SoftEther to TAP, 1514-byte frames joined', joined],
  ['own peer to TAP, super-frames of 64 KiB', ownPeerToTap],
  ['flood to 100 sessions, 1514 bytes', (core) => flood(core, 1_514, 100)],
  ['full table, 60 bytes from unknown stations', fullTable],
  ['full table, 60 bytes from a known station', (core) => fullTable(core, 1)],
  ['session to session with an access list of 100 rules, 60 bytes', (core) => ruled(core, 100)],
  ['session to session of a station with a policy, 60 bytes', (core) => policed(core)],
  ['classify, 60 bytes', (core) => each(core, frame(STATION_A, STATION_B, 60), (f) => core.isPriority(f))],
  ['classify, 1514 bytes', (core) => each(core, frame(STATION_A, STATION_B, 1_514), (f) => core.isPriority(f))],
];

const FILES = { simd: 'core.wasm', scalar: 'core.scalar.wasm' } as const;

function open(build: 'simd' | 'scalar', binary: Uint8Array): Core {
  const core = new Core(() => binary, {
    sizes: SERVER_SIZES,
    // Any numbers do: nothing here depends on chance.
    random: (count) => Uint8Array.from({ length: count }, (_, i) => i * 75 + 1),
    scalar: build === 'scalar',
  });
  if (core.build !== build) throw new Error(`this runtime cannot run the ${build} build`);
  return core;
}

/** @param core One that counts. */
function countCopies(core: Core, scenario: (core: Core) => () => Round): number {
  let pushed = 0;
  const push = core.push.bind(core);
  core.push = (connection, bytes) => {
    pushed += bytes.length;
    return push(connection, bytes);
  };
  const round = scenario(core);
  // The first round is not like the others: tables learn.
  round();
  const before = core.frames + pushed;
  let bytes = 0;
  for (let i = 0; i < 10; i++) bytes += round().bytes;
  return (core.frames + pushed - before) / bytes;
}

type Figures = Pick<CoreBenchResult, 'nsEach' | 'gbitPerSecond' | 'callsEach'>;

function measure(core: Core, round: () => Round, milliseconds: number): Figures {
  let best = { ns: Number.POSITIVE_INFINITY, bytes: 0 };
  let calls = 0;
  let total = 0;
  // The first span warms up the compilers of both languages.
  for (let span = 0; span <= SPANS; span++) {
    const callsBefore = core.calls;
    let count = 0;
    let bytes = 0;
    const start = performance.now();
    let now = start;
    while (now - start < milliseconds) {
      for (let i = 0; i < 8; i++) {
        const done = round();
        count += done.count;
        bytes += done.bytes;
      }
      now = performance.now();
    }
    if (span === 0) continue;
    const ns = ((now - start) * 1e6) / count;
    if (ns < best.ns) best = { ns, bytes: bytes / count };
    calls += core.calls - callsBefore;
    total += count;
  }
  return {
    nsEach: best.ns,
    gbitPerSecond: (best.bytes * 8) / best.ns,
    callsEach: calls === 0 ? undefined : calls / total,
  };
}

/** Two sessions of a hub that know each other's station. */
function pair(core: Core) {
  const hub = core.openSwitch(32);
  const [a, b] = [
    core.openSession(hub, { frameMax: FRAME_MAX, noStormLimit: true }),
    core.openSession(hub, { frameMax: FRAME_MAX }),
  ];
  const [from, to] = [core.openConnection(a, true, 0), core.openConnection(b, true, 0)];
  core.push(from, block(frame(BROADCAST, STATION_A, 60), 1));
  core.push(to, block(frame(BROADCAST, STATION_B, 60), 1));
  core.receive(0, fail);
  send(core);
  return { hub, a, b, from, to };
}

function sessionToSession(core: Core, length: number): () => Round {
  const { from } = pair(core);
  const count = Math.max(1, Math.floor(CHUNK / (length + 4)));
  const chunk = block(frame(STATION_B, STATION_A, length), count);
  return () => {
    core.push(from, chunk);
    core.receive(0, fail);
    send(core);
    return { count, bytes: count * length };
  };
}

/** Entries of the forwarding table, and stations that never were in it: as many as an attacker makes up in a second. */
const TABLE = 65_536;
const UNKNOWN = 1_000_000;

/** A table that is full of stations that others use, and one session that makes up addresses: what each of its frames costs. */
function fullTable(core: Core, stations = UNKNOWN): () => Round {
  const { hub, from } = pair(core);
  const others = core.openConnection(core.openSession(hub, { noStormLimit: true }), true, 0);
  const count = Math.floor(CHUNK / 64);
  const made = (first: number, kind: number, to: Uint8Array): Uint8Array<ArrayBuffer> => {
    const bytes = block(frame(to, STATION_A, 60), count);
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < count; i++) {
      // Spread over the whole space, as an attacker would: the multiplier is odd, so that no two are the same.
      view.setUint16(4 + i * 64 + 10, kind);
      view.setUint32(4 + i * 64 + 12, Math.imul(first + i, 0x9e37_79b1));
    }
    return bytes;
  };
  for (let first = 0; first < TABLE; first += count) {
    core.push(others, made(first, 0x0200, STATION_B));
    core.receive(0, fail);
    send(core);
  }
  if (core.fdbSize(hub) !== TABLE) throw new Error(`the table has ${core.fdbSize(hub)} entries`);
  const chunks = Array.from({ length: stations === 1 ? 1 : Math.ceil(stations / count) }, (_, i) =>
    stations === 1 ? block(frame(STATION_B, STATION_A, 60), count) : made(i * count, 0x0600, STATION_B),
  );
  let next = 0;
  return () => {
    core.push(from, chunks[next]!);
    core.receive(0, fail);
    send(core);
    next = (next + 1) % chunks.length;
    if (core.fdbSize(hub) !== TABLE) throw new Error('the table is not full any more');
    return { count, bytes: count * 60 };
  };
}

/** None of the rules is for such frames, and all are looked at. */
function ruled(core: Core, rules: number): () => Round {
  const from = (i: number) => ({
    address: Uint8Array.of(172, 16, i >> 8, i & 255),
    mask: new Uint8Array(4).fill(0xff),
  });
  const round = sessionToSession(core, 60);
  core.setAccessList(
    0,
    Array.from({ length: rules }, (_, i) => ({ priority: i + 1, action: 'discard' as const, from: from(i) })),
  );
  return round;
}

/** What an ordinary client has: no bridge, no router. */
function policed(core: Core): () => Round {
  const round = sessionToSession(core, 60);
  for (const port of [0, 1]) core.setPolicy(port, { ...DEFAULT_POLICY, NoBridge: true, NoRouting: true }, 0);
  return round;
}

function sessionToTap(core: Core, length: number): () => Round {
  const { hub, from } = pair(core);
  const station = Uint8Array.of(2, 0, 0, 0, 0, 9);
  const tap = core.openTap(hub, { frameMax: FRAME_MAX });
  const places = core.tapRead(tap, 0, 0);
  arrive(core, tap, frame(BROADCAST, station, 60), Math.min(1, places));
  send(core);
  const count = Math.max(1, Math.floor(CHUNK / (length + 4)));
  const chunk = block(frame(station, STATION_A, length), count);
  return () => {
    core.push(from, chunk);
    core.receive(0, fail);
    const written = writeTaps(core);
    if (written !== count) throw new Error(`${written} of ${count} frames reached the TAP`);
    return { count, bytes: count * length };
  };
}

function tapToSession(core: Core, length: number): () => Round {
  const { hub } = pair(core);
  const tap = core.openTap(hub, { frameMax: length > 1_600 ? FRAME_MAX : 1_600, noStormLimit: true });
  let places = core.tapRead(tap, 0, 0);
  const made = frame(STATION_B, Uint8Array.of(2, 0, 0, 0, 0, 9), length);
  // A full batch of small frames; of large ones no more than a queue has room for in bytes.
  const count = Math.min(places, BATCH, Math.floor(1_000_000 / length));
  return () => {
    if (places < count) throw new Error('the core has no places for a batch');
    places = arrive(core, tap, made, count);
    send(core);
    return { count, bytes: count * length };
  };
}

/** One turn of a client under load: what a TAP with offloads is asked for at once, to a port that takes it whole or not. */
function superFrames(core: Core, whole: boolean): () => Round {
  const hub = core.openPatch();
  const tap = core.openTap(hub, { frameMax: FRAME_MAX, noStormLimit: true, offload: true });
  core.openConnection(core.openSession(hub, whole ? { frameMax: FRAME_MAX, offload: true } : {}), true, 0);
  const made = frame(STATION_B, STATION_A, LARGE);
  const frames = Math.ceil((LARGE - HEADERS) / SEGMENT);
  const bytes = whole ? LARGE : LARGE + (frames - 1) * HEADERS;
  const blockHeaders = whole ? 8 : 4 * frames;
  let places = core.tapRead(tap, 0, 0);
  return () => {
    if (places < SUPER_BATCH) throw new Error('the core has no places for a batch');
    const { memory, offsets } = core.readBatch;
    for (let i = 0; i < SUPER_BATCH; i++) memory.set(VNET, offsets[i]!);
    places = arrive(core, tap, made, SUPER_BATCH);
    const sent = send(core);
    if (sent < SUPER_BATCH * (bytes + blockHeaders)) throw new Error(`only ${sent} bytes left`);
    return { count: SUPER_BATCH * frames, bytes: SUPER_BATCH * bytes };
  };
}

/** A peer that cuts, and a TAP that takes what is joined again. */
function joined(core: Core): () => Round {
  const hub = core.openPatch();
  core.openTap(hub, { frameMax: FRAME_MAX, offload: true });
  const from = core.openConnection(core.openSession(hub, { noStormLimit: true }), true, 0);
  const count = Math.floor(CHUNK / (1_514 + 4));
  const chunk = flowBlock(STATION_B, STATION_A, 1_514, count);
  return () => {
    core.push(from, chunk);
    core.receive(0, fail);
    const written = writeTaps(core);
    if (written > count / 10) throw new Error(`${count} frames became ${written}`);
    return { count, bytes: count * 1_514 };
  };
}

function ownPeerToTap(core: Core): () => Round {
  const hub = core.openPatch();
  const tap = core.openTap(hub, { frameMax: FRAME_MAX, offload: true });
  const session = core.openSession(hub, {
    frameMax: FRAME_MAX,
    blockMax: FRAME_MAX,
    offload: true,
    noStormLimit: true,
  });
  const from = core.openConnection(session, true, 0);
  const chunk = superBlock(frame(STATION_B, STATION_A, LARGE), SEGMENT, 3);
  const frames = Math.ceil((LARGE - HEADERS) / SEGMENT);
  core.tapRead(tap, 0, 0);
  return () => {
    core.push(from, chunk);
    core.receive(0, fail);
    const written = writeTaps(core);
    if (written !== 3) throw new Error(`${written} of 3 super-frames reached the TAP`);
    return { count: 3 * frames, bytes: 3 * LARGE };
  };
}

/** Kernels that take everything. Returns how many frames that was. */
function writeTaps(core: Core): number {
  let written = 0;
  for (const port of core.takeReadyTaps()) {
    for (let frames = core.tapWrite(port); frames > 0; frames = core.tapWrite(port)) written += frames;
  }
  return written;
}

/** The kernel's work is left out: a slot that has held the frame before holds it still. */
function arrive(core: Core, tap: number, made: Uint8Array, count: number): number {
  const { memory, offsets, lengths } = core.readBatch;
  for (let i = 0; i < count; i++) {
    const at = offsets[i]! + VNET_HEADER_BYTES;
    if (memory[at + made.length - 1] !== made.at(-1) || memory[at + 11] !== made[11]) memory.set(made, at);
    lengths[i] = made.length + VNET_HEADER_BYTES;
  }
  return core.tapRead(tap, count, 0);
}

function flood(core: Core, length: number, sessions: number): () => Round {
  const { hub, from } = pair(core);
  for (let i = 1; i < sessions; i++) core.openConnection(core.openSession(hub, {}), true, 0);
  const count = Math.floor(CHUNK / (length + 4));
  const chunk = block(frame(BROADCAST, STATION_A, length), count);
  return () => {
    core.push(from, chunk);
    core.receive(0, fail);
    send(core);
    return { count: count * sessions, bytes: count * sessions * length };
  };
}

function each(_core: Core, input: Uint8Array, work: (input: Uint8Array) => unknown): () => Round {
  return () => {
    for (let i = 0; i < 64; i++) work(input);
    return { count: 64, bytes: 64 * input.length };
  };
}

/** A host whose sockets take everything. Returns how much that was. */
function send(core: Core): number {
  let bytes = 0;
  for (let offers = core.fill(0); offers > 0; offers = core.fill(0)) {
    for (let i = 0; i < offers; i++) {
      const { length } = core.offeredBytes(i);
      core.written(i, length, true);
      bytes += length;
    }
  }
  return bytes;
}

function fail(_connection: number, cause: string): void {
  throw new Error(cause);
}
