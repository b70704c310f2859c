import { expect, test } from 'vitest';
import { type FrameBatch, type Tap, VNET_HEADER_BYTES } from '../../../engine/host.ts';
import { Plane } from '../../../engine/session/plane.ts';
import { frame, mac } from '../../sim/frames.ts';
import { Rig } from '../core/rig.ts';

/** A plane with one TAP; `turn` is a turn of the event loop, false when none was asked for. */
function plugged(busyPollMs = 0) {
  const rig = new Rig('simd');
  const soon: (() => void)[] = [];
  const plane = new Plane(
    rig.core,
    { now: () => rig.now, utc: () => 0 },
    { after: () => () => {}, soon: (call) => void soon.push(call) },
  );
  const port = rig.core.openTap(rig.core.openSwitch(0), {});
  const waiting: Uint8Array[] = [];
  const seen = { armed: 0, reads: 0, gaveWay: 0 };
  const tap: Tap = {
    ...{ name: 't0', mac: new Uint8Array(mac(1)), offloads: { tcp: false, udp: false } },
    read(batch: FrameBatch, count: number): number {
      seen.reads++;
      const taken = waiting.splice(0, count);
      for (const [i, each] of taken.entries()) {
        const at = batch.offsets[i]!;
        batch.memory.fill(0, at, at + VNET_HEADER_BYTES);
        batch.memory.set(each, at + VNET_HEADER_BYTES);
        batch.lengths[i] = each.length + VNET_HEADER_BYTES;
      }
      return taken.length;
    },
    write: (_batch, count) => count,
    arm: () => void seen.armed++,
    giveWay: () => void seen.gaveWay++,
    close: () => {},
  };
  plane.attachTap(port, tap, busyPollMs);
  return {
    rig,
    seen,
    /** The poller tells of that many frames. */
    arrive(count: number): void {
      for (let i = 0; i < count; i++) waiting.push(frame(mac(2), mac(3), 60, i));
      plane.handleTapReadable(port);
    },
    more: (count: number) =>
      void waiting.push(...Array.from({ length: count }, (_, i) => frame(mac(2), mac(3), 60, i))),
    turn(): boolean {
      const calls = soon.splice(0);
      for (const call of calls) call();
      return calls.length > 0;
    },
  };
}

test('a lone frame after silence leaves the TAP to the poller at once', () => {
  const { rig, seen, arrive, turn } = plugged();
  for (let i = 1; i <= 3; i++) {
    rig.now += 2;
    arrive(1);
    expect(seen).toEqual({ armed: i + 1, reads: i, gaveWay: 0 });
    expect(turn()).toBe(false);
  }
});

test('frames that come one after the other are looked for in every turn, until there are none', () => {
  const { rig, seen, arrive, more, turn } = plugged();
  rig.now += 2;
  arrive(5);
  for (let i = 0; i < 4; i++) {
    rig.now += 0.1;
    more(1);
    expect(turn()).toBe(true);
  }
  expect(seen).toEqual({ armed: 1, reads: 5, gaveWay: 0 });
  while (turn());
  expect(seen).toEqual({ armed: 2, reads: 6, gaveWay: 0 });
});

test('a TAP that is polled lets others have the processor in every turn without a frame, until its time is over', () => {
  const { rig, seen, arrive, turn } = plugged(3);
  rig.now += 2;
  arrive(1);
  expect(turn()).toBe(true);
  for (let i = 0; i < 10; i++) expect(turn()).toBe(true);
  expect(seen).toEqual({ armed: 1, reads: 12, gaveWay: 11 });
  rig.now += 3;
  while (turn());
  expect(seen).toEqual({ armed: 2, reads: 13, gaveWay: 11 });
});
