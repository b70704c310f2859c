import { describe, expect, test } from 'vitest';
import { PUNT_PROBE } from '../../../engine/core.ts';
import { BROADCAST, frame, mac } from '../../sim/frames.ts';
import { bulk } from './frames.ts';
import { BUILDS, hexes, Rig } from './rig.ts';

describe.each(BUILDS)('%s: links between hubs', (build) => {
  const open = (hubs: number) => {
    const rig = new Rig(build);
    const numbers = Array.from({ length: hubs }, () => rig.core.openSwitch(0));
    const taps = numbers.map((hub) => rig.tap(hub));
    return { rig, hubs: numbers, taps };
  };
  /** Moves until there is nothing to move, and no longer than `most` times. */
  const move = (rig: Rig, most = 10): number => {
    for (let i = 0; i < most; i++) if (rig.core.moveLinks(rig.now) === 'done') return i;
    return most;
  };

  test('carry frames both ways, are learned like any port, and count them', () => {
    const { rig, hubs, taps } = open(2);
    const [near, far] = rig.core.openLink(hubs[0]!, hubs[1]!, {});
    rig.arrive(taps[0]!, frame(BROADCAST, mac(1), 60));
    expect(move(rig)).toBe(0);
    rig.drain();
    expect(hexes(rig.takeDelivered(taps[1]!))).toEqual(hexes([frame(BROADCAST, mac(1), 60)]));
    const other = rig.tap(hubs[0]!);
    rig.arrive(taps[1]!, frame(mac(1), mac(2), 70));
    move(rig);
    rig.drain();
    expect(rig.takeDelivered(taps[0]!)).toHaveLength(1);
    expect(rig.takeDelivered(other)).toHaveLength(0);
    expect(rig.core.portCounters(near)).toMatchObject({
      sentFrames: 1,
      sentBytes: 60,
      receivedFrames: 1,
      receivedBytes: 70,
    });
    expect(rig.core.portCounters(far)).toMatchObject({
      sentFrames: 1,
      sentBytes: 70,
      receivedFrames: 1,
      receivedBytes: 60,
    });
    expect(rig.core.fdbSize(hubs[0]!)).toBe(2);
    expect(rig.core.buffersTotal - rig.core.buffersFree).toBe(rig.places);
  });

  test('in a circle, a frame goes one hop further with each call and no call without end', () => {
    const { rig, hubs, taps } = open(3);
    for (const [i, hub] of hubs.entries()) rig.core.openLink(hub, hubs[(i + 1) % 3]!, {});
    rig.arrive(taps[0]!, frame(BROADCAST, mac(1), 60));
    for (let i = 0; i < 50; i++) expect(rig.core.moveLinks(rig.now)).toBe('more');
    rig.drain();
    // Two go round, against each other.
    expect(rig.takeDelivered(taps[1]!).length).toBeGreaterThan(20);
    expect(rig.takeDelivered(taps[1]!).length).toBeLessThan(110);
  });

  test('blocked at one end, the circle is none', () => {
    const { rig, hubs, taps } = open(2);
    rig.core.openLink(hubs[0]!, hubs[1]!, {});
    const [second] = rig.core.openLink(hubs[0]!, hubs[1]!, {});
    rig.core.block(second, true);
    rig.arrive(taps[0]!, frame(BROADCAST, mac(1), 60));
    expect(move(rig)).toBe(1);
    rig.drain();
    expect(rig.takeDelivered(taps[1]!)).toHaveLength(1);
  });

  test('a link that is closed leaves nothing behind, with frames in it and with one end gone', () => {
    const { rig, hubs, taps } = open(2);
    const idle = rig.core.buffersFree;
    for (let round = 0; round < 3; round++) {
      const [near, far] = rig.core.openLink(hubs[0]!, hubs[1]!, {});
      for (let i = 0; i < 20; i++) rig.arrive(taps[0]!, bulk(i));
      if (round === 1) rig.core.closePort(far);
      if (round === 2) rig.core.closePort(near);
      if (round === 2) rig.core.closePort(far);
      else {
        move(rig);
        rig.core.closePort(near);
        if (round === 0) rig.core.closePort(far);
      }
      rig.drain();
      rig.takeDelivered(taps[1]!);
      expect(rig.core.moveLinks(rig.now)).toBe('done');
      expect(rig.core.buffersFree).toBe(idle);
    }
    expect(rig.core.fdbSize(hubs[1]!)).toBe(0);
  });

  test('what does not fit behind a link waits in it, and then holds up who sends', () => {
    const { rig, hubs } = open(2);
    const sender = rig.session(hubs[0]!, { frameMax: 65_600 });
    const slow = rig.session(hubs[1]!, { frameMax: 65_600 });
    rig.core.openLink(hubs[0]!, hubs[1]!, {});
    const accept = (connection: number, length: number) =>
      [connection === slow.connection ? 0 : length, connection !== slow.connection] as const;
    let answer: string = 'done';
    for (let i = 0; i < 400 && answer !== 'waits'; i++) {
      rig.now += 0.01;
      sender.send(...Array.from({ length: 10 }, () => bulk(1)));
      answer = rig.core.moveLinks(rig.now);
      rig.drain(accept);
    }
    // A small pool: its shares are used up before a queue has so many bytes that others wait; either way nothing is stuck.
    for (let i = 0; i < 100; i++) {
      rig.now += 20;
      rig.core.moveLinks(rig.now);
      rig.core.connectionWritable(slow.connection);
      rig.drain();
    }
    expect(rig.core.moveLinks(rig.now)).toBe('done');
    expect(rig.core.queuedBytes(slow.port)).toBe(0);
  });

  test('priority frames go first', () => {
    const { rig, hubs } = open(2);
    const call = Uint8Array.from(bulk(1, 100));
    call.set([0x08, 0x00, 0x45, 0xb8], 12);
    call[14 + 9] = 253;
    new DataView(call.buffer).setUint16(16, 86);
    const to = rig.session(hubs[1]!, {});
    const from = rig.session(hubs[0]!, {});
    rig.core.openLink(hubs[0]!, hubs[1]!, {});
    from.send(bulk(1), bulk(2), call);
    move(rig);
    expect(to.sizes()).toEqual([call.length, bulk(1).length, bulk(2).length]);
  });

  test('a probe leaves a queue that is full before what is in it; from a leaf none is taken', () => {
    const { rig, hubs, taps } = open(1);
    const probe = Uint8Array.from([
      ...BROADCAST,
      ...mac(9),
      0x88,
      0xb5,
      0x4c,
      0x4f,
      0x4f,
      0x4b,
      ...new Array(44).fill(0),
    ]);
    const to = rig.session(hubs[0]!, {});
    const closed = () => [0, false] as const;
    for (let i = 0; i < 600; i++) {
      rig.arrive(taps[0]!, bulk(1));
      if (i === 0) rig.drain(closed);
    }
    expect(to.drops['queue-full']).toBeGreaterThan(0);
    expect(rig.core.inject(to.port, probe, rig.now)).toBe(true);
    rig.core.connectionWritable(to.connection);
    // Its flow has its turn at once: only what the other one may send in its own comes before.
    const place = to.sizes().indexOf(probe.length);
    expect(place).toBeGreaterThanOrEqual(0);
    expect(place).toBeLessThan(40);

    rig.core.setPunts(hubs[0]!, PUNT_PROBE);
    const leaf = rig.session(hubs[0]!, { leaf: true });
    leaf.send(probe);
    expect(rig.core.hasPunted).toBe(false);
    to.send(probe);
    expect(rig.core.takePunted()).toMatchObject([{ port: to.port }]);
    rig.drain();
    expect(rig.takeDelivered(taps[0]!)).toEqual([]);
  });
});
