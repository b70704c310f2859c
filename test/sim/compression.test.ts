import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { SERVER_SIZES } from '../../engine/core.ts';
import { KINDS } from '../unit/codec/samples.ts';
import { BROADCAST, frame, mac } from './frames.ts';
import { type SimClient, SimLab } from './lab.ts';

async function serving(): Promise<SimLab> {
  const lab = new SimLab(1);
  await lab.serve();
  return lab;
}

/** A frame of text that is much like the others, from a station behind the server or, by default, the client. */
function text(seed: number, station = 1): Uint8Array {
  const made = frame(BROADCAST, mac(station), 1_200);
  made.set(KINDS.words!(1_186, 1), 14);
  made.fill(seed, 500, 520);
  return made;
}

async function exchange(lab: SimLab, client: SimClient): Promise<void> {
  const sent = Array.from({ length: 20 }, (_, i) => i + 1);
  for (const seed of sent) {
    client.tap().arrive(text(seed));
    lab.serverTap.arrive(text(100 + seed, 2));
    await lab.world.run(20);
  }
  // Two connections may swap frames.
  expect(digests(client.tap().frames)).toEqual(digests(sent.map((seed) => text(100 + seed, 2))));
  expect(digests(lab.serverTap.frames)).toEqual(digests(sent.map((seed) => text(seed))));
}

function digests(frames: readonly Uint8Array[]): string[] {
  return frames.map((each) => createHash('sha256').update(each).digest('hex').slice(0, 16)).toSorted();
}

describe('a compressed session', () => {
  test.each([1, 4])('carries frames both ways on %i connections, and says what it saved', async (connections) => {
    const lab = await serving();
    const client = await lab.connected({ compress: true, connections });
    await lab.world.run(connections * 1_000);
    await exchange(lab, client);
    for (const status of [client.client.status(), lab.server.status()]) {
      const { compression } = status.hubs[0]!.sessions[0]!;
      expect(compression!.sent.bytes).toBe(20 * 1_200);
      expect(compression!.received.bytes).toBe(20 * 1_200);
      // A window over the frames does better than each of them alone.
      expect(compression!.sent.savedPercent).toBeGreaterThan(90);
      expect(compression!.received.savedPercent).toBeGreaterThan(90);
      expect(status.core.codec).toBe('wasm');
    }
    expect(client.events.find(({ kind }) => kind === 'established')).toMatchObject({ compressed: true });
    expect(lab.serverHost.lines.filter(({ message }) => message.includes('compression is on'))).toHaveLength(1);
  });

  test('keeps its windows through replaced connections', async () => {
    const lab = await serving();
    const client = await lab.connected({ compress: true, connections: 2, connectionLifetimeMs: 3_000 });
    for (let i = 1; i <= 200; i++) {
      client.tap().arrive(text(i % 30));
      await lab.world.run(100);
    }
    expect(client.tap().frames).toEqual([]);
    expect(lab.serverTap.frames).toHaveLength(200);
    expect(lab.net.connections.length).toBeGreaterThan(10);
  });

  test('is not one unless the client wants it', async () => {
    const lab = await serving();
    const client = await lab.connected({ compress: false });
    await exchange(lab, client);
    for (const status of [client.client.status(), lab.server.status()]) {
      expect(status.hubs[0]!.sessions[0]!.compression).toBeUndefined();
    }
    expect(client.events.find(({ kind }) => kind === 'established')).toMatchObject({ compressed: false });
    expect(lab.serverHost.lines.some(({ message }) => message.includes('compression'))).toBe(false);
  });

  test('does without windows when the server has none left, and is given back what others had', async () => {
    const lab = await serving();
    const windows = SERVER_SIZES.windows!;
    // 32 connections take 68.
    const greedy: SimClient[] = [];
    for (let i = 0; i < Math.floor(windows / 68); i++) {
      greedy.push(await lab.connected({ compress: true, connections: 32 }));
    }
    const late = await lab.connected({ compress: true, connections: 32 });
    for (const made of Array.from({ length: 20 }, (_, i) => text(i + 1))) late.tap().arrive(made);
    await lab.world.run(200);
    const savedBy = (client: SimClient) => client.client.status().hubs[0]!.sessions[0]!.compression!.sent.savedPercent;
    const alone = savedBy(late);
    expect(lab.serverTap.frames).toHaveLength(20);
    await greedy[0]!.client.close();
    // The server waits for a client that has gone.
    await lab.world.run(30_000);
    const next = await lab.connected({ compress: true, connections: 32 });
    for (const made of Array.from({ length: 20 }, (_, i) => text(i + 1))) next.tap().arrive(made);
    await lab.world.run(200);
    expect(lab.serverTap.frames).toHaveLength(40);
    expect(savedBy(next)).toBeGreaterThan(alone + 15);
  });
});
