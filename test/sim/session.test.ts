import { describe, expect, test } from 'vitest';
import { BROADCAST, batch, frame, mac, u32 } from './frames.ts';
import { SimLab, text } from './lab.ts';

describe('login', () => {
  test('anonymous, hashed and plain', async () => {
    const lab = new SimLab();
    await lab.serve();
    await lab.connected();
    await lab.connected({ user: 'alice', credential: { kind: 'hashed', password: text('secret') } });
    await lab.connected({ user: 'ALICE', credential: { kind: 'plain', password: text('secret') } });
    const [hub] = lab.server.status().hubs;
    expect(hub?.sessions.map((session) => session.name)).toEqual(['SID-GUEST-1', 'SID-ALICE-2', 'SID-ALICE-3']);
  });

  test.each(['whole', 'bytes', 'random'] as const)('over a link that delivers %s', async (pieces) => {
    const lab = new SimLab(7);
    lab.net.link = { latencyMs: 3, pieces, window: 0x40000 };
    await lab.serve();
    await lab.connected({ user: 'alice', credential: { kind: 'hashed', password: text('secret') } });
  });

  test('over a link with a window of 100 bytes', async () => {
    const lab = new SimLab(8);
    lab.net.link = { latencyMs: 3, pieces: 'random', window: 100 };
    await lab.serve();
    const client = await lab.connected();
    await lab.connected();
    client.tap().arrive(frame(BROADCAST, mac(1), 1514));
    await lab.world.run(1_000);
    expect(lab.serverTap.frames.map((f) => f.length)).toEqual([1514]);
  });

  test('a wrong password ends the client with the cause', async () => {
    const lab = new SimLab();
    await lab.serve();
    const client = lab.connect({ user: 'alice', credential: { kind: 'hashed', password: text('wrong') } });
    await lab.world.until(() => client.end !== undefined);
    expect(client.end).toMatchObject({ kind: 'refused', code: 9 });
    expect(client.tap().closed).toBe(true);
    expect(lab.serverHost.lines.find((line) => line.message === 'login refused')?.fields).toMatchObject({ code: 9 });
  });

  test('an unknown hub ends the client with the cause', async () => {
    const lab = new SimLab();
    await lab.serve();
    const client = lab.connect({ hub: 'nowhere' });
    await lab.world.until(() => client.end !== undefined);
    expect(client.end).toMatchObject({ kind: 'refused', code: 8 });
  });

  test('nothing is sent to a server that is not trusted', async () => {
    const lab = new SimLab();
    await lab.serve();
    const client = lab.connect({ trust: async () => 'another certificate' });
    await lab.world.run(5);
    const { client: channel } = lab.net.connections[0]!;
    channel.record = true;
    await lab.world.until(() => client.end !== undefined);
    expect(client.end).toEqual({ kind: 'untrusted', message: 'another certificate' });
    expect(channel.sent).toEqual([]);
  });

  test('a password is not left in memory', async () => {
    const lab = new SimLab();
    await lab.serve();
    const password = text('secret');
    await lab.connected({ user: 'alice', credential: { kind: 'hashed', password } });
    expect([...password]).toEqual([0, 0, 0, 0, 0, 0]);
  });

  test('a TAP that cannot be had ends the client', async () => {
    const lab = new SimLab();
    await lab.serve();
    const client = lab.connect();
    client.host.tapError = { doing: 'tap', code: 'EPERM', message: 'no right to create a TAP' };
    await lab.world.until(() => client.end !== undefined);
    expect(client.end).toEqual({ kind: 'tap', message: 'no right to create a TAP' });
  });
});

describe('frames', () => {
  test('go from TAP to TAP, and only where they belong', async () => {
    const lab = new SimLab();
    await lab.serve();
    const alice = await lab.connected();
    const bob = await lab.connected();
    await lab.world.run(100);
    alice.tap().arrive(frame(BROADCAST, mac(1)));
    await lab.world.run(100);
    expect(bob.tap().frames).toEqual([frame(BROADCAST, mac(1))]);
    expect(lab.serverTap.frames).toEqual([frame(BROADCAST, mac(1))]);
    bob.tap().arrive(frame(mac(1), mac(2), 1514));
    await lab.world.run(100);
    expect(alice.tap().frames).toEqual([frame(mac(1), mac(2), 1514)]);
    expect(lab.serverTap.frames).toHaveLength(1);
    const [hub] = lab.server.status().hubs;
    expect(hub?.fdb).toBe(2);
    expect(hub?.sessions[0]?.received).toEqual({ frames: 1, bytes: 60 });
    expect(hub?.sessions[0]?.sent).toEqual({ frames: 1, bytes: 1514 });
  });

  test('a burst larger than a batch arrives whole and in order', async () => {
    const lab = new SimLab(3);
    lab.net.link = { latencyMs: 2, pieces: 'random', window: 0x10000 };
    await lab.serve();
    const alice = await lab.connected();
    for (let i = 0; i < 1_000; i++) alice.tap().arrive(frame(BROADCAST, mac(1), 60 + i, i & 0xff));
    await lab.world.run(2_000);
    expect(lab.serverTap.frames.map((f) => f.length)).toEqual(Array.from({ length: 1_000 }, (_, i) => 60 + i));
  });

  test('unicast bursts are not limited', async () => {
    const lab = new SimLab(4);
    lab.net.link = { latencyMs: 2, pieces: 'random', window: 0x10000 };
    await lab.serve();
    const alice = await lab.connected();
    lab.serverTap.arrive(frame(BROADCAST, mac(9)));
    await lab.world.run(50);
    for (let i = 0; i < 1_000; i++) alice.tap().arrive(frame(mac(9), mac(1), 60 + i, i & 0xff));
    await lab.world.run(2_000);
    expect(lab.serverTap.frames.map((f) => f.length)).toEqual(Array.from({ length: 1_000 }, (_, i) => 60 + i));
    expect(lab.serverTap.frames.every((f, i) => f[59 + i] === (i & 0xff))).toBe(true);
  });
});

describe('time', () => {
  test('an idle session stays up, and each side hears a keep-alive within half the time-out', async () => {
    const lab = new SimLab();
    await lab.serve();
    const client = await lab.connected();
    await lab.world.run(10 * 60_000);
    expect(client.events.filter((event) => event.kind === 'lost')).toEqual([]);
    expect(lab.server.status().hubs[0]?.sessions).toHaveLength(1);
  });

  test('keep-alives keep to their spans', async () => {
    const lab = new SimLab(5);
    await lab.serve();
    await lab.connected();
    const { client, server } = lab.net.connections[0]!;
    await lab.world.run(1_000);
    for (const channel of [client, server]) {
      channel.record = true;
      const times: number[] = [];
      for (let i = 0; i < 6_000; i++) {
        const before = channel.sent.length;
        await lab.world.run(100);
        if (channel.sent.length > before) times.push(lab.world.now);
      }
      const spans = times.slice(1).map((time, i) => time - times[i]!);
      expect(Math.min(...spans)).toBeGreaterThanOrEqual(3_900);
      expect(Math.max(...spans)).toBeLessThanOrEqual(10_100);
      expect(channel.sent.slice(0, 4)).toEqual(u32(0xffff_ffff));
    }
  });

  test('a peer that vanishes is given up after the time-out, and the client tries again', async () => {
    const lab = new SimLab();
    await lab.serve();
    const client = await lab.connected();
    await lab.world.run(1_000);
    const { client: near, server: far } = lab.net.connections[0]!;
    near.mute = true;
    far.mute = true;
    await lab.world.run(18_000);
    expect(lab.server.status().hubs[0]?.sessions).toHaveLength(1);
    await lab.world.run(12_000);
    expect(client.events.some((event) => event.kind === 'lost')).toBe(true);
    expect(lab.serverHost.lines.some((line) => line.message === 'session closed')).toBe(true);
    await lab.world.run(20_000);
    expect(client.events.filter((event) => event.kind === 'established')).toHaveLength(2);
  });

  test('a server that cannot be reached is tried again every reconnect interval', async () => {
    const lab = new SimLab();
    const client = lab.connect({ reconnectMs: 15_000 });
    await lab.world.run(46_000);
    expect(client.events.filter((event) => event.kind === 'connecting')).toHaveLength(4);
    await lab.serve();
    await lab.world.run(15_000);
    expect(client.client.status().client?.state).toBe('established');
  });

  test('a server that ends closes sessions, listeners and TAPs', async () => {
    const lab = new SimLab();
    await lab.serve();
    const client = await lab.connected();
    await lab.server.close();
    await lab.world.run(100);
    expect(lab.serverTap.closed).toBe(true);
    expect(lab.net.listeners.size).toBe(0);
    expect(client.events.at(-1)).toMatchObject({ kind: 'interrupted' });
  });

  test('a client that ends closes its session and its TAP', async () => {
    const lab = new SimLab();
    await lab.serve();
    const client = await lab.connected();
    await client.client.close();
    await lab.world.run(30_000);
    expect(client.end?.kind).toBe('closed');
    expect(client.tap().closed).toBe(true);
    expect(lab.server.status().hubs[0]?.sessions).toEqual([]);
  });
});

describe('garbage in the tunnel', () => {
  test.each([
    ['a block that is longer than two nodes of ours agreed on', [...u32(1), ...u32(65_601)]],
    ['a block for frames of more than 64 KiB', [...u32(1), ...u32(0x8000_0000 + 60), ...u32(0x1_0000)]],
    ['a keep-alive of 513 bytes', [...u32(0xffff_ffff), ...u32(513)]],
  ])('%s ends the connection and nothing else', async (_name, bytes) => {
    const lab = new SimLab();
    await lab.serve();
    const bystander = await lab.connected();
    const client = await lab.connected();
    const channel = lab.net.connections[1]!.client;
    await lab.world.run(100);
    channel.write(Uint8Array.from(bytes));
    await lab.world.run(100);
    expect(channel.closed).toBe(true);
    expect(client.events.map((event) => event.kind)).toContain('interrupted');
    expect(bystander.client.status().client?.state).toBe('established');
  });

  test('the first tunnel bytes may share a segment with the login', async () => {
    const lab = new SimLab();
    lab.net.link = { latencyMs: 1, pieces: 'whole', window: 0x40000 };
    await lab.serve();
    await lab.connected();
    const { client } = lab.net.connections[0]!;
    client.write(batch(frame(BROADCAST, mac(3))));
    await lab.world.run(50);
    expect(lab.serverTap.frames).toHaveLength(1);
  });
});
