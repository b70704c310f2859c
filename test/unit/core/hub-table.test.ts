import { describe, expect, test } from 'vitest';
import { BROADCAST, frame, mac } from '../../sim/frames.ts';
import { BUILDS, type Peer, Rig, TEST_SIZES } from './rig.ts';

/** `protocol/data-plane.md` §6.2. */
const AGE_MS = 600_000;
const TABLE = 65_536;

/** A station's address with 32 bits of number. */
function station(number: number): number[] {
  return [0x06, 0, (number >>> 24) & 0xff, (number >>> 16) & 0xff, (number >>> 8) & 0xff, number & 0xff];
}

describe.each(BUILDS)('%s: the forwarding table', (build) => {
  /** Whether a frame from `from` for the station reaches only `to`. */
  function knows(from: Peer, address: number[], to: Peer, others: Peer[]): boolean {
    from.send(frame(address, mac(999)));
    const reached = to.take().length;
    const flooded = others.filter((peer) => peer.take().length > 0).length;
    expect(reached).toBe(1);
    return flooded === 0;
  }

  function three(stationsMax = 0) {
    const rig = new Rig(build);
    const hub = rig.core.openSwitch(0);
    return { rig, hub, a: rig.session(hub, { stationsMax }), b: rig.session(hub), c: rig.session(hub) };
  }

  test('a port with room for 3 stations lets 3 of 5 send', () => {
    const { rig, hub, a, b } = three(3);
    for (let i = 1; i <= 5; i++) a.send(frame(BROADCAST, mac(i), 60 + i));
    expect(b.sizes()).toEqual([61, 62, 63]);
    expect(a.drops).toEqual({ 'too-many-stations': 2 });
    expect(rig.core.fdbSize(hub)).toBe(3);
    // The three go on.
    for (let i = 1; i <= 5; i++) a.send(frame(BROADCAST, mac(i), 60 + i));
    expect(b.sizes()).toEqual([61, 62, 63]);
  });

  test('a station cannot move to a port that is full', () => {
    const { a, b, c } = three(1);
    a.send(frame(BROADCAST, mac(1)));
    b.send(frame(BROADCAST, mac(2)));
    c.take();
    a.send(frame(BROADCAST, mac(2)));
    expect(c.take()).toEqual([]);
    expect(a.drops).toEqual({ 'too-many-stations': 1 });
  });

  test('a station that moves away makes room', () => {
    const { a, b, c } = three(1);
    a.send(frame(BROADCAST, mac(1)));
    b.send(frame(BROADCAST, mac(1)));
    c.take();
    a.send(frame(BROADCAST, mac(2)));
    expect(c.take()).toHaveLength(1);
  });

  test('stations that were forgotten make room', () => {
    const { rig, a, c } = three(1);
    a.send(frame(BROADCAST, mac(1)));
    rig.now += AGE_MS + 1;
    rig.core.housekeep(rig.now);
    c.take();
    a.send(frame(BROADCAST, mac(2)));
    expect(c.take()).toHaveLength(1);
  });

  test('a station is known for 600 s after it was last heard, and not a millisecond longer', () => {
    const { rig, a, b, c } = three();
    a.send(frame(BROADCAST, mac(1)));
    rig.now += 400_000;
    a.send(frame(BROADCAST, mac(1)));
    [b, c].map((peer) => peer.take());
    rig.now += AGE_MS;
    expect(knows(b, mac(1), a, [c])).toBe(true);
    rig.now += 1;
    expect(knows(b, mac(1), a, [c])).toBe(false);
  });

  test('housekeeping forgets those that expired and no others', () => {
    const { rig, hub, a, b, c } = three();
    a.send(frame(BROADCAST, mac(1)));
    rig.now += 1;
    b.send(frame(BROADCAST, mac(2)));
    rig.now += AGE_MS;
    rig.core.housekeep(rig.now);
    expect(rig.core.fdbSize(hub)).toBe(1);
    [a, b, c].map((peer) => peer.take());
    expect(knows(c, mac(2), b, [a])).toBe(true);
  });

  test('housekeeping gets round a large table', () => {
    const { rig, hub, a } = three();
    for (let i = 0; i < 20_000; i += 100) {
      a.send(...Array.from({ length: 100 }, (_, k) => frame(mac(999), station(i + k), 14)));
      rig.drain();
    }
    expect(rig.core.fdbSize(hub)).toBe(20_000);
    rig.now += AGE_MS + 1;
    const sizes = [];
    for (let i = 0; i < 5; i++) {
      rig.core.housekeep(rig.now);
      sizes.push(rig.core.fdbSize(hub));
    }
    // 4096 entries at a time: no call takes long.
    expect(sizes).toEqual([20_000 - 4_096, 20_000 - 8_192, 20_000 - 12_288, 20_000 - 16_384, 0]);
  });

  test('a port that closes takes its stations with it', () => {
    const { rig, hub, a, b, c } = three();
    a.send(frame(BROADCAST, mac(1)), frame(BROADCAST, mac(2)), frame(BROADCAST, mac(3)));
    b.send(frame(BROADCAST, mac(4)), frame(BROADCAST, mac(2)));
    expect(rig.core.fdbSize(hub)).toBe(4);
    rig.core.closePort(a.port);
    expect(rig.core.fdbSize(hub)).toBe(2);
    // The number of the port may be another session's now: nothing of the old one may reach it.
    const again = rig.session(hub);
    expect(again.port).toBe(a.port);
    for (const peer of [b, c]) peer.take();
    c.send(frame(mac(1), mac(9)));
    expect([again.take().length, b.take().length]).toEqual([1, 1]);
    c.send(frame(mac(2), mac(9)));
    expect([again.take().length, b.take().length]).toEqual([0, 1]);
  });

  test('the table takes 65,536 stations; those beyond are flooded to, and nothing is dropped', () => {
    const { rig, hub, a, b, c } = three();
    const extra = 200;
    for (let i = 0; i < TABLE + extra; i += 100) {
      const count = Math.min(100, TABLE + extra - i);
      // Towards one station of b, so that it is not flooded.
      b.send(frame(BROADCAST, mac(999)));
      a.send(...Array.from({ length: count }, (_, k) => frame(mac(999), station(i + k), 14)));
      rig.drain();
    }
    expect(rig.core.fdbSize(hub)).toBe(TABLE);
    expect(a.drops).toEqual({});
    expect(rig.core.portCounters(b.port).sentFrames).toBe(TABLE + extra);
    for (const peer of [a, b, c]) peer.take();
    expect(knows(c, station(0), a, [b])).toBe(true);
    expect(knows(c, station(TABLE + extra - 1), a, [b])).toBe(false);
    // Once the old ones have expired there is room again, without any housekeeping: the learning makes it.
    rig.now += AGE_MS + 1;
    for (let i = 0; i < 20; i++) a.send(frame(BROADCAST, station(TABLE + 1_000 + i), 60));
    for (const peer of [b, c]) peer.take();
    expect(knows(c, station(TABLE + 1_000), a, [b])).toBe(true);
    rig.core.closePort(a.port);
    expect(rig.core.fdbSize(hub)).toBeLessThanOrEqual(2);
  });

  test('a full table keeps what it has, however many stations somebody makes up', () => {
    const { rig, hub, a, b, c } = three();
    const fill = (peer: Peer, first: number, count: number, kind: number) => {
      for (let i = 0; i < count; i += 1_024) {
        const made = (k: number) => [kind, ...station(Math.imul(first + i + k, 0x9e37_79b1)).slice(1)];
        peer.send(...Array.from({ length: 1_024 }, (_, k) => frame(mac(999), made(k), 14)));
        rig.drain();
      }
    };
    b.send(frame(BROADCAST, mac(999)));
    fill(b, 0, TABLE, 0x02);
    expect(rig.core.fdbSize(hub)).toBe(TABLE);
    rig.now += 1_000;
    fill(a, 0, TABLE, 0x06);
    expect(rig.core.fdbSize(hub)).toBe(TABLE);
    for (const peer of [a, b, c]) peer.take();
    for (let i = 0; i < TABLE - 1; i += 4_001) {
      expect(knows(c, [0x02, ...station(Math.imul(i, 0x9e37_79b1)).slice(1)], b, [a])).toBe(true);
    }
  });

  test('a full table is searched for expired stations once a second, however many new ones there are', () => {
    const { rig, hub, a, b, c } = three();
    for (let i = 0; i < TABLE; i += 128) {
      a.send(...Array.from({ length: 128 }, (_, k) => frame(mac(999), station(i + k), 14)));
      rig.drain();
    }
    expect(rig.core.fdbSize(hub)).toBe(TABLE);
    const learns = (number: number): boolean => {
      b.send(frame(mac(999), station(TABLE + number)));
      for (const peer of [a, b, c]) peer.take();
      c.send(frame(station(TABLE + number), station(0)));
      const flooded = a.take().length > 0;
      b.take();
      return !flooded;
    };
    rig.now += AGE_MS;
    expect(learns(1)).toBe(false);
    // Expired by now, and not looked for.
    rig.now += 999;
    expect(learns(2)).toBe(false);
    rig.now += 1;
    expect(learns(3)).toBe(true);
  });

  test('1,024 hubs know nothing of one another, though the same addresses meet in the buckets of one table', () => {
    const rig = new Rig(build, { ...TEST_SIZES, smallFrames: 16_384, outBuffers: 64 });
    const hubs = Array.from({ length: 1_024 }, () => {
      const hub = rig.core.openSwitch(0);
      return { hub, x: rig.session(hub), y: rig.session(hub) };
    });
    for (let address = 1; address <= 8; address++) {
      for (const { x, y } of hubs) (address % 2 === 0 ? x : y).send(frame(mac(999), mac(address), 14));
      rig.drain();
    }
    rig.written.clear();
    for (const [i, { hub, x, y }] of hubs.entries()) {
      expect(rig.core.fdbSize(hub)).toBe(8);
      // From the other side each station is known, from its own side the frame is dropped.
      for (let address = 1; address <= 8; address++) {
        x.send(frame(mac(address), mac(999), 14 + i));
        rig.drain();
        expect(rig.takeBytes(y.connection).length, `hub ${i}, station ${address}`).toBe(address % 2 === 0 ? 0 : 22 + i);
      }
      expect(x.drops).toEqual({ 'same-port': 4 });
    }
    for (const { x, y } of hubs) for (const peer of [x, y]) rig.core.closePort(peer.port);
    for (const { hub } of hubs) expect(rig.core.fdbSize(hub)).toBe(0);
  });

  test('a hub that is closed can be opened again, empty', () => {
    const rig = new Rig(build);
    const hub = rig.core.openSwitch(0);
    const peer = rig.session(hub);
    peer.send(frame(BROADCAST, mac(1)));
    rig.core.closePort(peer.port);
    rig.core.closeHub(hub);
    expect(rig.core.openSwitch(0)).toBe(hub);
    expect(rig.core.fdbSize(hub)).toBe(0);
    expect(rig.session(hub).take()).toEqual([]);
  });
});

describe.each(BUILDS)('%s: limits of one module', (build) => {
  test('1,920 sessions in 64 hubs, each of which hears its own hub', () => {
    const rig = new Rig(build, { ...TEST_SIZES, smallFrames: 8_192, outBuffers: 64 });
    const hubs = Array.from({ length: 64 }, () => {
      const hub = rig.core.openSwitch(0);
      return Array.from({ length: 30 }, () => rig.session(hub));
    });
    for (const [i, peers] of hubs.entries()) peers[i % 30]!.send(frame(BROADCAST, station(i), 100 + i));
    rig.drain();
    for (const [i, peers] of hubs.entries()) {
      const counters = peers.map((peer) => rig.core.portCounters(peer.port));
      expect(counters.map((each) => each.sentBytes)).toEqual(peers.map((_, k) => (k === i % 30 ? 0 : 100 + i)));
    }
    for (const peers of hubs) for (const peer of peers) rig.core.closePort(peer.port);
    expect(rig.core.buffersFree).toBe(rig.core.buffersTotal);
  });

  test('one hub with 2,048 ports floods to 2,047', () => {
    const rig = new Rig(build, { ...TEST_SIZES, outBuffers: 64 });
    const hub = rig.core.openSwitch(0);
    const peers = Array.from({ length: 2_048 }, () => rig.session(hub));
    peers[77]!.send(frame(BROADCAST, mac(1)));
    expect(rig.core.buffersFree).toBe(rig.core.buffersTotal - 1);
    rig.drain();
    expect(peers.map((peer) => rig.core.portCounters(peer.port).sentFrames)).toEqual(
      peers.map((_, i) => (i === 77 ? 0 : 1)),
    );
    expect(rig.core.buffersFree).toBe(rig.core.buffersTotal);
  });

  test('what does not fit is refused with the limit', () => {
    const rig = new Rig(build);
    const hub = rig.core.openSwitch(0);
    const ports = Array.from({ length: 2_048 }, () => rig.core.openSession(hub, {}));
    expect(() => rig.core.openSession(hub, {})).toThrow('the core has no room for more than 2048 ports');
    for (let i = 0; i < 4_096; i++) rig.core.openConnection(ports[i % 2_048]!, true, rig.now);
    expect(() => rig.core.openConnection(ports[0]!, true, rig.now)).toThrow('no room for more than 4096 connections');
    for (const port of ports) rig.core.closePort(port);
    const again = rig.session(hub);
    expect(again.take()).toEqual([]);
    for (let i = 1; i < 1_024; i++) rig.core.openPatch();
    expect(() => rig.core.openPatch()).toThrow('the core has no room for more than 1024 hubs');
    expect(() => rig.core.openSwitch(32)).toThrow('the core has no room for more than 1024 hubs');
  });
});
