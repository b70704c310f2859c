/** Connections that die under a session of own peers: what they had comes on the others, once and in order. */

import { describe, expect, test } from 'vitest';
import type { ClientOptions } from '../../engine/client/options.ts';
import { BROADCAST, frame, mac } from './frames.ts';
import { type SimClient, SimLab } from './lab.ts';

/** A session with its connections up, and both stations known. */
async function session(seed: number, options: Partial<ClientOptions>): Promise<{ lab: SimLab; client: SimClient }> {
  const lab = new SimLab(seed);
  lab.net.link = { latencyMs: 15, pieces: 'random', window: 0x8000 };
  await lab.serve();
  const client = await lab.connected(options);
  lab.serverTap.arrive(frame(BROADCAST, mac(9)));
  client.tap().arrive(frame(BROADCAST, mac(1)));
  await lab.world.run(2_000 + 1_000 * (options.connections ?? 1));
  return { lab, client };
}

function numbered(to: number, from: number, number: number): Uint8Array {
  const made = frame(mac(to), mac(from), 900);
  made.set([number >> 8, number & 0xff], 20);
  return made;
}

const numbers = (frames: Uint8Array[]): number[] => frames.map((each) => each[20]! * 256 + each[21]!);

/** Frames both ways, one each two milliseconds, with what `trouble` does meanwhile; the longest pause of each way. */
async function exchange(
  { lab, client }: { lab: SimLab; client: SimClient },
  count: number,
  trouble: (i: number) => void,
): Promise<{ up: number[]; down: number[]; pauseMs: number }> {
  const [up, down] = [lab.serverTap.frames.length, client.tap().frames.length];
  let pauseMs = 0;
  const last = [lab.world.now, lab.world.now];
  const had = [up, down];
  for (let i = 0; i < count; i++) {
    trouble(i);
    client.tap().arrive(numbered(9, 1, i));
    lab.serverTap.arrive(numbered(1, 9, i));
    await lab.world.run(2);
    [lab.serverTap.frames.length, client.tap().frames.length].forEach((length, way) => {
      pauseMs = Math.max(pauseMs, lab.world.now - last[way]!);
      if (length === had[way]) return;
      had[way] = length;
      last[way] = lab.world.now;
    });
  }
  await lab.world.run(3_000);
  return {
    up: numbers(lab.serverTap.frames.slice(up)),
    down: numbers(client.tap().frames.slice(down)),
    pauseMs,
  };
}

const FRAMES = 3_000;
const ALL = Array.from({ length: FRAMES }, (_, i) => i);

describe.each([
  ['8 connections', { connections: 8 }],
  ['2 connections', { connections: 2 }],
  ['2 connections with QoS', { connections: 2, qos: true }],
  ['4 connections, compressed', { connections: 4, compress: true }],
  ['8 connections, half duplex', { connections: 8, halfDuplex: true }],
  ['4 connections without encryption', { connections: 4, encrypt: false }],
] as const)('%s', (_name, options) => {
  test.each([1, 2, 3])('one freezes, one is reset, and the first goes on again (seed %i)', async (seed) => {
    const made = await session(seed, options);
    const lines = made.lab.net.connections;
    const { up, down, pauseMs } = await exchange(made, FRAMES, (i) => {
      if (i === 300) lines[0]!.client.freeze();
      // With two connections there is none but the frozen one in its place.
      if (i === 1_200 && lines.length > 2) lines[1]!.server.abort();
      if (i === 2_000) lines[0]!.client.thaw();
    });
    expect(up).toEqual(ALL);
    expect(down).toEqual(ALL);
    expect(pauseMs).toBeLessThan(500);
    expect(made.client.events.map(({ kind }) => kind)).toEqual(['connecting', 'established']);
  });
});

describe('all connections', () => {
  test('are reset at once: what was on them comes when the session is resumed', async () => {
    const made = await session(4, { connections: 3 });
    const { up, down } = await exchange(made, 1_000, (i) => {
      if (i === 300) for (const { server } of made.lab.net.connections) server.abort();
    });
    const all = ALL.slice(0, 1_000);
    expect([up, down]).toEqual([all, all]);
    expect(made.client.events.map(({ kind }) => kind)).toEqual(['connecting', 'established', 'interrupted', 'resumed']);
  });

  test('rest for a second: nothing is lost or doubled', async () => {
    const made = await session(5, { connections: 3 });
    const { up, down } = await exchange(made, 1_500, (i) => {
      for (const { client } of made.lab.net.connections) {
        if (i === 300) client.freeze();
        if (i === 800) client.thaw();
      }
    });
    const all = ALL.slice(0, 1_500);
    expect([up, down]).toEqual([all, all]);
  });
});
