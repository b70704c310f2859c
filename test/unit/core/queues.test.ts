import { describe, expect, test } from 'vitest';
import { batch, mac } from '../../sim/frames.ts';
import { bulk, voice } from './frames.ts';
import { BUILDS, framesOf, type Peer, Rig } from './rig.ts';

/** `assembly/memory.ts`: frames and bytes in each of a port's queues. */
const FRAMES_MAX = 4_096;
const BYTES_MAX = 2_560_000;

const BIG = { smallFrames: 16_384, largeFrames: 16, outBuffers: 16 };

describe.each(BUILDS)('%s: a queue', (build) => {
  /** `to` takes nothing until it is looked at. */
  function pair(qos = false, sizes = BIG) {
    const rig = new Rig(build, sizes);
    const hub = rig.core.openPatch();
    return { rig, hub, from: rig.session(hub), to: rig.session(hub, { qos }) };
  }

  function send(from: Peer, count: number, make: (i: number) => Uint8Array): void {
    for (let i = 0; i < count; i += 64) {
      from.send(...Array.from({ length: Math.min(64, count - i) }, (_, k) => make(i + k)));
    }
  }

  test('holds 4,096 frames and drops the first', () => {
    const { from, to } = pair();
    send(from, FRAMES_MAX + 10, (i) => bulk(i & 0xff));
    expect(to.drops).toEqual({ 'queue-full': 10 });
    const got = to.take();
    expect(got.map((f) => f.at(-1))).toEqual(Array.from({ length: FRAMES_MAX }, (_, i) => (i + 10) & 0xff));
  });

  test('holds 2,560,000 bytes and the frame that goes beyond', () => {
    const { from, to } = pair();
    const fits = Math.floor(BYTES_MAX / 1600) + 1;
    send(from, fits + 5, () => bulk(1, 1600));
    expect(to.drops).toEqual({ 'queue-full': 5 });
    expect(to.take()).toHaveLength(fits);
    // Empty again: there is room for as many again.
    send(from, fits, () => bulk(1, 1600));
    expect(to.drops).toEqual({ 'queue-full': 5 });
  });

  test('of bulk that is full leaves the priority queue its room, and the other way round', () => {
    for (const [full, other] of [
      [bulk, voice],
      [voice, bulk],
    ] as const) {
      const { from, to } = pair(true);
      send(from, FRAMES_MAX + 7, (i) => full(i & 0xff));
      expect(to.drops).toEqual({ 'queue-full': 7 });
      send(from, FRAMES_MAX + 3, (i) => other(i & 0xff));
      expect(to.drops).toEqual({ 'queue-full': 10 });
      expect(to.take()).toHaveLength(2 * FRAMES_MAX);
    }
  });

  test('of bytes that is full leaves the other queue its room', () => {
    const { from, to } = pair(true);
    const fits = Math.floor(BYTES_MAX / 1600) + 1;
    send(from, fits + 1, () => bulk(1, 1600));
    send(from, fits + 1, () => voice(1, 1600));
    expect(to.drops).toEqual({ 'queue-full': 2 });
  });

  test('of a session without QoS holds priority frames like others', () => {
    const { from, to } = pair(false);
    send(from, FRAMES_MAX, () => bulk(1));
    send(from, 5, () => voice(1));
    expect(to.drops).toEqual({ 'queue-full': 5 });
  });

  test('drops are counted where they happen, and what was sent is not counted before it left', () => {
    const { rig, from, to } = pair();
    send(from, FRAMES_MAX + 1, () => bulk(1));
    expect(from.drops).toEqual({});
    expect(rig.core.portCounters(to.port).sentFrames).toBe(0);
    to.take();
    expect(rig.core.portCounters(to.port)).toMatchObject({ sentFrames: FRAMES_MAX, drops: { 'queue-full': 1 } });
  });

  test('a frame that is longer than the port takes is dropped there and counted', () => {
    const { rig, hub, from, to } = pair();
    const narrow = rig.session(hub, { frameMax: 100 });
    from.send(bulk(1, 100), bulk(2, 101));
    expect(narrow.take()).toEqual([bulk(1, 100)]);
    expect(narrow.drops).toEqual({ 'too-long-for-port': 1 });
    expect(to.take()).toHaveLength(2);
    narrow.send(bulk(1, 101));
    expect(narrow.drops).toEqual({ 'too-long': 1, 'too-long-for-port': 1 });
  });
});

describe.each(BUILDS)('%s: a pool that runs out', (build) => {
  const SMALL = { smallFrames: 1_024, largeFrames: 4, outBuffers: 16 };

  function stalled(count: number) {
    const rig = new Rig(build, SMALL);
    const hub = rig.core.openSwitch(0);
    const sleepers = Array.from({ length: count }, () => rig.session(hub));
    const [alice, bob] = [rig.session(hub), rig.session(hub)];
    for (const [i, peer] of [...sleepers, alice, bob].entries()) peer.send(bulk(0).fill(mac(i + 100)[5]!, 11, 12));
    for (const peer of [...sleepers, alice, bob]) peer.take();
    // They take nothing from now on.
    for (const [i, peer] of sleepers.entries()) {
      for (let k = 0; k < 1_200; k += 100)
        alice.send(...Array.from({ length: 100 }, () => unicast(i + 100, count + 100)));
      expect(peer.drops['queue-full'] ?? 0).toBeGreaterThan(0);
    }
    return { rig, sleepers, alice, bob, count };
  }

  function unicast(to: number, from: number): Uint8Array {
    const made = bulk(1);
    made.set([...mac(to), ...mac(from)]);
    return made;
  }

  const onlyTo = (peer: Peer, rig: Rig): Uint8Array[] => {
    rig.drain((connection, length) => (connection === peer.connection ? [length, true] : [0, false]));
    return framesOf(rig.takeBytes(peer.connection));
  };

  test.each([1, 2, 8])('%i stalled sessions do not starve the others', (count) => {
    const { rig, alice, bob } = stalled(count);
    expect(rig.core.buffersFree).toBeGreaterThan(0);
    for (let round = 0; round < 200; round++) {
      alice.send(...Array.from({ length: 10 }, () => unicast(count + 101, count + 100)));
      expect(onlyTo(bob, rig), `round ${round}`).toHaveLength(10);
    }
    expect(bob.drops).toEqual({});
    expect(alice.drops).toEqual({});
  });

  test('one stalled session holds half of the pool at most', () => {
    const { rig } = stalled(1);
    expect(rig.core.buffersFree).toBeGreaterThanOrEqual(rig.core.buffersTotal / 2 - 4);
  });

  test('a hundred stalled sessions leave every one of the others its share', () => {
    const rig = new Rig(build, { ...SMALL, outBuffers: 128 });
    const hub = rig.core.openSwitch(0);
    const sleepers = Array.from({ length: 100 }, () => rig.session(hub));
    const awake = Array.from({ length: 28 }, () => rig.session(hub));
    const all = [...sleepers, ...awake];
    for (const [i, peer] of all.entries()) peer.send(unicast(i, i + 1).fill(0xff, 0, 6));
    for (const peer of all) peer.take();
    const sender = awake[0]!;
    for (const i of sleepers.keys())
      sender.send(...Array.from({ length: 40 }, () => unicast(i + 1, sleepers.length + 1)));
    // 1024 / (4 x 128) for each queue of each port, in the worst case.
    expect(rig.core.buffersFree).toBeGreaterThanOrEqual(2 * 2 * awake.length);
    for (let round = 0; round < 20; round++) {
      for (const [i, peer] of awake.entries()) {
        if (peer === sender) continue;
        sender.send(unicast(sleepers.length + i + 1, sleepers.length + 1));
        expect(onlyTo(peer, rig)).toHaveLength(1);
      }
    }
    expect(sender.drops).toEqual({});
    for (const peer of all) rig.core.closePort(peer.port);
    expect(rig.core.buffersFree).toBe(rig.core.buffersTotal);
  });

  test('what finds no slot is dropped and counted, and all comes back', () => {
    const rig = new Rig(build, { smallFrames: 8, largeFrames: 1, outBuffers: 4 });
    const hub = rig.core.openPatch();
    const from = rig.session(hub);
    // Unfinished frames hold what the queues leave.
    const halves = Array.from({ length: 10 }, () => rig.core.openConnection(from.port, true, rig.now));
    const one = batch(bulk(7));
    for (const connection of halves) rig.feed(connection, one.subarray(0, 30));
    expect(rig.core.buffersFree).toBe(1);
    expect(from.drops).toEqual({ 'no-memory': 2 });
    from.send(bulk(1));
    expect(from.drops).toEqual({ 'no-memory': 3 });
    for (const connection of halves) rig.feed(connection, one.subarray(30));
    expect(rig.core.portCounters(from.port).receivedFrames).toBe(8);
    rig.drain();
    expect(rig.core.buffersFree).toBe(9);
  });

  test('without any slot the stream goes on', () => {
    const rig = new Rig(build, { smallFrames: 0, largeFrames: 0, outBuffers: 2 });
    const hub = rig.core.openPatch();
    const from = rig.session(hub);
    const to = rig.session(hub);
    from.send(bulk(1), bulk(2));
    rig.feed(from.connection, Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 60));
    expect(from.drops).toEqual({ 'no-memory': 3 });
    expect(rig.failures).toEqual([]);
    rig.core.keepAlive(to.connection, 2);
    rig.drain();
    expect(rig.takeBytes(to.connection)).toHaveLength(10);
  });

  test('queue entries run out before a crowd is served: counted, and all comes back', () => {
    // 262,144 entries: 2,047 ports with 128 frames each and a few more.
    const rig = new Rig(build, { smallFrames: 4_096, largeFrames: 1, outBuffers: 64 });
    const hub = rig.core.openPatch();
    const peers = Array.from({ length: 2_048 }, () => rig.session(hub));
    for (let i = 0; i < 200; i++) peers[0]!.send(bulk(i, 14));
    const drops = peers.map((peer) => peer.drops['no-memory'] ?? 0);
    const queued = 200 * 2_047 - drops.reduce((a, b) => a + b);
    expect(queued).toBe(0x4_0000);
    rig.drain();
    expect(rig.core.buffersFree).toBe(rig.core.buffersTotal);
    peers[0]!.send(bulk(1, 14));
    rig.drain();
    expect(peers.filter((peer) => (peer.drops['no-memory'] ?? 0) > 0).length).toBeGreaterThan(0);
    const sent = peers.reduce((sum, peer) => sum + rig.core.portCounters(peer.port).sentFrames, 0);
    expect(sent).toBe(0x4_0000 + 2_047);
  });
});
