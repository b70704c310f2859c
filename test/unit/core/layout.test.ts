import { describe, expect, test } from 'vitest';
import { CLIENT_SIZES, Core, DROP_CAUSES, type DropCause, SERVER_SIZES } from '../../../engine/core.ts';
import { DEFAULT_POLICY } from '../../../engine/login/policy.ts';
import { BROADCAST, frame, mac } from '../../sim/frames.ts';
import { coreBinary } from '../../sim/host.ts';
import { bulk } from './frames.ts';
import { BUILDS, Rig } from './rig.ts';

const PAGE = 0x1_0000;
const SIZES = { smallFrames: 64, largeFrames: 2, outBuffers: 2, windows: 2 };
const IMPORTS = { clock: () => 0, deflate: () => 0, inflate: () => -1 };

type Exports = Record<string, unknown>;

/** The module by itself, on memory that the test holds. */
function load(build: 'simd' | 'scalar') {
  const module = new WebAssembly.Module(Uint8Array.from(coreBinary(build)));
  const pages = Math.ceil(memoryBytes(module) / PAGE);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const wasm = new WebAssembly.Instance(module, { env: { memory, ...IMPORTS } }).exports as Exports;
  const call = (name: string, ...rest: unknown[]): number => (wasm[name] as (...all: unknown[]) => number)(...rest);
  const constant = (name: string): number => (wasm[name] as { value: number }).value >>> 0;
  return { module, memory, wasm, call, constant };
}

function memoryBytes(module: WebAssembly.Module): number {
  const asked = new WebAssembly.Instance(module, {
    env: { memory: new WebAssembly.Memory({ initial: 1 }), ...IMPORTS },
  });
  const ask = asked.exports.memoryBytes as (small: number, large: number, out: number, windows: number) => number;
  return ask(SIZES.smallFrames, SIZES.largeFrames, SIZES.outBuffers, SIZES.windows);
}

describe.each(BUILDS)('%s: memory', (build) => {
  test('the build is the one it says', () => {
    expect(load(build).constant('SIMD')).toBe(build === 'simd' ? 1 : 0);
  });

  test('the module asks for what the interface names and nothing else, and exports no way to change it', () => {
    const { module, wasm } = load(build);
    expect(WebAssembly.Module.imports(module).toSorted((a, b) => a.name.localeCompare(b.name))).toEqual([
      { module: 'env', name: 'clock', kind: 'function' },
      { module: 'env', name: 'deflate', kind: 'function' },
      { module: 'env', name: 'inflate', kind: 'function' },
      { module: 'env', name: 'memory', kind: 'memory' },
    ]);
    const kinds = WebAssembly.Module.exports(module).map((each) => each.kind);
    expect([...new Set(kinds)].toSorted()).toEqual(
      kinds.includes('memory') ? ['function', 'global', 'memory'] : ['function', 'global'],
    );
    for (const name of ['__new', '__pin', '__collect', 'abort']) expect(wasm[name]).toBeUndefined();
  });

  test('nothing but the tables of the running core is ever written below the pools', () => {
    const rig = new Rig(build, { smallFrames: 256, largeFrames: 8, outBuffers: 8, windows: 0 });
    const hub = rig.core.openSwitch(32);
    const tap = rig.tap(hub, { frameMax: 65_600 });
    const peers = Array.from({ length: 4 }, () => rig.session(hub, { qos: true, frameMax: 65_600 }));
    for (let i = 0; i < 200; i++) {
      rig.now += 20;
      peers[i % 4]!.send(frame(i % 2 ? BROADCAST : mac(i % 7), mac((i % 7) + 1), 14 + i * 8), bulk(i, 60_000 + i));
      rig.arrive(tap, bulk(i));
      rig.core.keepAlive(peers[0]!.connection, 512);
      rig.drain();
    }
    const { memory } = rig.core.readBatch;
    // Gaps of the map in assembly/memory.ts: behind the TAP tables, behind the number of punted frames.
    for (const [from, to] of [
      [0x3_b804, 0x4_0000],
      [0x9_0004, 0x9_0800],
    ] as const) {
      expect(
        memory.subarray(from, to).every((byte) => byte === 0),
        `0x${from.toString(16)}`,
      ).toBe(true);
    }
    for (let at = 0; at < 0x400; at++) expect(memory[at]).toBe(0);
  });

  test('the regions follow one another without overlap', () => {
    const { constant } = load(build);
    // Name, where it starts, how many bytes it has; those that are not exported stand in assembly/memory.ts.
    const regions: [name: string, start: number, bytes: number][] = [
      ['AssemblyScript', 0, PAGE],
      ['SCRATCH', constant('SCRATCH'), constant('SCRATCH_BYTES')],
      ['INBOX_TABLE', constant('INBOX_TABLE'), constant('INBOX_ENTRIES') * 16],
      ['OUTBOX_TABLE', constant('OUTBOX_TABLE'), constant('OUTBOX_ENTRIES') * 16],
      ['TAP_READ_OFFSETS', constant('TAP_READ_OFFSETS'), constant('TAP_BATCH') * 4],
      ['TAP_READ_LENGTHS', constant('TAP_READ_LENGTHS'), constant('TAP_BATCH') * 4],
      ['TAP_WRITE_OFFSETS', constant('TAP_WRITE_OFFSETS'), constant('TAP_BATCH') * 4],
      ['TAP_WRITE_LENGTHS', constant('TAP_WRITE_LENGTHS'), constant('TAP_BATCH') * 4],
      // All 2,048 ports may be TAPs.
      ['TAPS_READY', constant('TAPS_READY'), 4 + 2_048 * 4],
      ['INBOX', constant('INBOX'), constant('INBOX_BYTES')],
      ['HUBS', constant('HUBS'), 1_024 * constant('HUB_BYTES')],
      ['PUNTS', constant('PUNTS'), constant('PUNTS_BYTES')],
      ['PORTS', constant('PORTS'), 2_048 * constant('PORT_BYTES')],
      ['CONNECTIONS', constant('CONNECTIONS'), 4_096 * constant('CONNECTION_BYTES')],
      ['STORM', 0x5a_0000, 16_384 * 32],
      ['FDB_BUCKETS', 0x62_0000, 0x2_0000 * 4],
      ['FDB', 0x6a_0000, 0x1_0000 * 64],
      ['NODES', 0xaa_0000, 0x4_0000 * 12],
      ['SEGMENTS', 0xda_0000, 8_193 * 4],
      ['FLOWS', 0xda_9000, 16 * 32],
      ['TAP_WRITE_SLOTS', 0xda_a000, constant('TAP_BATCH') * 4],
      ['DEFLATE', constant('DEFLATE'), constant('INFLATE_END') - constant('DEFLATE')],
      ['DEFLATE_CODES', constant('DEFLATE_CODES'), constant('CODES_END') - constant('DEFLATE_CODES')],
      // 286 and 30 symbols.
      ['DEFLATE_COUNTS', constant('DEFLATE_COUNTS'), 316 * 4],
      ['HASH_TABLE', constant('HASH_TABLE'), constant('HASH_TABLE_BYTES')],
      // And the end of the block.
      ['DEFLATE_TOKENS', constant('DEFLATE_TOKENS'), 16_385 * 4],
      ['DEFLATE_RESULT', constant('DEFLATE_RESULT'), constant('DEFLATE_RESULT_BYTES')],
      ['BULK', 0xe0_0000, 2_048 * 32 * 64],
      ['BATCHES', 0x120_0000, 0x8000 * 48],
      // A place for every port beside the frames.
      ['WAITING', constant('WAITING'), 32 + (0x3c00 + 2_048) * 32],
      ['IP_BUCKETS', 0x141_0000, 0x2_0000 * 4],
      ['IPS', 0x149_0000, 0x1_0000 * 64],
      ['ACCESS', constant('ACCESS'), constant('ACCESS_MAX') * constant('RULE_BYTES')],
      ['POOLS', constant('POOLS'), 0],
    ];
    for (const [i, [name, start, bytes]] of regions.entries()) {
      const next = regions[i + 1];
      if (next !== undefined) expect(start + bytes, `${name} reaches into ${next[0]}`).toBeLessThanOrEqual(next[1]);
      expect(start % 4, name).toBe(0);
    }
    expect(memoryBytes(load(build).module)).toBe(
      constant('POOLS') + 64 * 2_048 + 2 * 65_664 + 2 * 0x2_0000 + 2 * 0x2_1000,
    );
  });

  test('the counters of a port fit in it', () => {
    const { constant } = load(build);
    expect(constant('PORT_COUNTERS') + 4 * 8).toBe(constant('PORT_DROPS'));
    expect(constant('PORT_USED')).toBeLessThanOrEqual(constant('PORT_BYTES'));
    expect(DROP_CAUSES.length).toBeLessThanOrEqual(24);
  });

  test('the sizes of a server and of a client can be had, and memory does not grow', () => {
    for (const [sizes, mebibytes] of [
      [SERVER_SIZES, 510],
      [CLIENT_SIZES, 172],
    ] as const) {
      const core = new Core(coreBinary, {
        sizes,
        random: (count) => new Uint8Array(count),
        scalar: build === 'scalar',
      });
      expect(core.buffersTotal).toBe(sizes.smallFrames + sizes.largeFrames);
      expect(core.readBatch.memory.length / 0x10_0000).toBeLessThan(mebibytes);
    }
    const { memory } = load(build);
    expect(() => memory.grow(1)).toThrow();
  });

  test('the last slot and the last out buffer end with the memory', () => {
    const rig = new Rig(build, SIZES);
    const hub = rig.core.openPatch();
    const from = rig.session(hub, { frameMax: 65_600 });
    // All slots in turn: each is filled, checked and kept by a connection of its own that never finishes its frame.
    const stuck = Array.from({ length: 66 }, () => rig.core.openConnection(from.port, true, rig.now));
    for (const [i, connection] of stuck.entries()) {
      const length = i < 64 ? 1_600 : 65_600;
      rig.feed(connection, Uint8Array.of(0, 0, 0, 1, 0, length >> 16, (length >> 8) & 0xff, length & 0xff));
      rig.feed(connection, new Uint8Array(length - 1).fill(i + 1));
    }
    expect(rig.core.buffersFree).toBe(0);
    const { memory } = rig.core.readBatch;
    const pools = load(build).constant('POOLS');
    for (const [i] of stuck.entries()) {
      const start = i < 64 ? pools + i * 2_048 : pools + 64 * 2_048 + (i - 64) * 65_664;
      const length = i < 64 ? 1_600 : 65_600;
      const body = memory.subarray(start + 32, start + 32 + length - 1);
      expect(
        body.every((byte) => byte === i + 1),
        `slot ${i}`,
      ).toBe(true);
      expect(start + 32 + length).toBeLessThanOrEqual(memory.length);
    }
  });
});

/** Causes that nothing has yet. */
const UNUSED: DropCause[] = ['host-address'];

describe.each(BUILDS)('%s: names of drop causes', (build) => {
  type Trigger = (rig: Rig) => [port: number, count: number];
  const session = (rig: Rig, hub: number, options = {}) => rig.session(hub, options);

  const TRIGGERS: Partial<Record<DropCause, Trigger>> = {
    'too-short': (rig) => {
      const peer = session(rig, rig.core.openSwitch(0));
      peer.send(bulk(1, 13));
      return [peer.port, 1];
    },
    'too-long': (rig) => {
      const peer = session(rig, rig.core.openSwitch(0));
      peer.send(bulk(1, 1_601), bulk(1, 3_200));
      return [peer.port, 2];
    },
    malformed: (rig) => {
      const peer = session(rig, rig.core.openSwitch(0));
      const made = bulk(1, 20);
      made.set([0x86, 0xdd], 12);
      peer.send(made);
      return [peer.port, 1];
    },
    'source-address': (rig) => {
      const peer = session(rig, rig.core.openSwitch(0));
      peer.send(frame(mac(1), mac(1)));
      return [peer.port, 1];
    },
    'same-port': (rig) => {
      const peer = session(rig, rig.core.openSwitch(0));
      peer.send(frame(BROADCAST, mac(1)), frame(mac(1), mac(2)));
      return [peer.port, 1];
    },
    storm: (rig) => {
      const peer = session(rig, rig.core.openSwitch(1));
      peer.send(bulk(1));
      rig.now += 501;
      peer.send(bulk(1));
      return [peer.port, 1];
    },
    'queue-full': (rig) => {
      const hub = rig.core.openPatch();
      const from = session(rig, hub);
      const to = session(rig, hub);
      // Half of what two ports share, and that is most of 256.
      for (let i = 0; i < 256; i++) from.send(bulk(i));
      const { drops } = rig.core.portCounters(to.port);
      return [to.port, drops['queue-full'] ?? -1];
    },
    'no-memory': (rig) => {
      const peer = session(rig, rig.core.openPatch(), { frameMax: 65_600 });
      const connections = Array.from({ length: 9 }, () => rig.core.openConnection(peer.port, true, rig.now));
      for (const connection of connections) rig.feed(connection, Uint8Array.of(0, 0, 0, 1, 0, 0, 0x20, 0));
      return [peer.port, 1];
    },
    'too-many-stations': (rig) => {
      const peer = session(rig, rig.core.openSwitch(0), { stationsMax: 1 });
      peer.send(frame(BROADCAST, mac(1)), frame(BROADCAST, mac(2)));
      return [peer.port, 1];
    },
    'too-long-for-port': (rig) => {
      const hub = rig.core.openPatch();
      const from = session(rig, hub);
      const to = session(rig, hub, { frameMax: 99 });
      from.send(bulk(1, 100));
      return [to.port, 1];
    },
    'waited-too-long': (rig) => {
      const hub = rig.core.openPatch();
      const from = session(rig, hub);
      const to = session(rig, hub);
      // Batches of eight frames.
      rig.core.setRate(to.connection, 3_000);
      for (let i = 0; i < 30; i++) from.send(bulk(i, 1_600));
      for (const ms of [0, 30, 101]) {
        rig.now += ms;
        rig.core.connectionWritable(to.connection);
        rig.drain((_, length) => [length, false]);
      }
      return [to.port, 1];
    },
    loop: (rig) => {
      const port = rig.tap(rig.core.openSwitch(0));
      rig.core.block(port, true);
      rig.arrive(port, bulk(1));
      return [port, 1];
    },
    policy: (rig) => {
      const peer = session(rig, rig.core.openSwitch(0));
      rig.core.setPolicy(peer.port, { ...DEFAULT_POLICY, FilterNonIP: true }, rig.now);
      const made = bulk(1, 60);
      made.set([0x88, 0xb5], 12);
      peer.send(made);
      return [peer.port, 1];
    },
    'access-list': (rig) => {
      const hub = rig.core.openSwitch(0);
      rig.core.setAccessList(hub, [{ priority: 1, action: 'discard' }]);
      const peer = session(rig, hub);
      peer.send(bulk(1));
      return [peer.port, 1];
    },
    'rate-limit': (rig) => {
      const peer = session(rig, rig.core.openSwitch(0));
      // One frame at once, eight that wait, and one more than those.
      rig.core.setPolicy(peer.port, { ...DEFAULT_POLICY, MaxUpload: 8_000 }, rig.now);
      peer.send(...Array.from({ length: 20 }, () => bulk(1, 1_514)));
      const { drops } = rig.core.portCounters(peer.port);
      return [peer.port, drops['rate-limit'] ?? -1];
    },
    'known-elsewhere': (rig) => {
      const hub = rig.core.openSwitch(0);
      const [one, other] = [session(rig, hub), session(rig, hub, { checkMac: true })];
      one.send(bulk(1));
      other.send(bulk(1));
      return [other.port, 1];
    },
    'not-inflatable': (rig) => {
      const peer = session(rig, rig.core.openSwitch(0), { compress: true });
      peer.send(bulk(1, 100));
      return [peer.port, 1];
    },
  };

  test.each(DROP_CAUSES.filter((cause) => !UNUSED.includes(cause)))('%s', (cause) => {
    const rig = new Rig(build, { smallFrames: 256, largeFrames: 8, outBuffers: 8 });
    const [port, count] = TRIGGERS[cause]!(rig);
    expect(rig.core.portCounters(port).drops).toEqual({ [cause]: count });
    expect(count).toBeGreaterThan(0);
  });
});
