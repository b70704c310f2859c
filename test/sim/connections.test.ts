import { describe, expect, test } from 'vitest';
import { CASCADE } from '../../engine/config/session-rules.ts';
import { BROADCAST, frame, mac } from './frames.ts';
import { type SimClient, SimLab } from './lab.ts';

async function serving(seed = 1): Promise<SimLab> {
  const lab = new SimLab(seed);
  await lab.serve();
  return lab;
}

function open(lab: SimLab): number {
  return lab.net.connections.filter(({ client }) => !client.closed).length;
}

function kinds(client: SimClient): string[] {
  return client.events.map(({ kind }) => kind);
}

describe('the number of connections', () => {
  test('grows by one each interval, the first one interval after the login', async () => {
    const lab = await serving();
    await lab.connected({ connections: 4, connectionIntervalMs: 2_000 });
    const counts: number[] = [];
    for (let i = 0; i < 9; i++) {
      counts.push(open(lab));
      await lab.world.run(1_000);
    }
    expect(counts).toEqual([1, 1, 2, 2, 3, 3, 4, 4, 4]);
  });

  test('is at least two with QoS, as the protocol has it', async () => {
    const lab = await serving();
    await lab.connected({ connections: 1, qos: true });
    await lab.world.run(5_000);
    expect(open(lab)).toBe(2);
  });

  test('is held: one that dies is replaced within an interval', async () => {
    const lab = await serving();
    const client = await lab.connected({ connections: 3 });
    await lab.world.run(5_000);
    expect(open(lab)).toBe(3);
    lab.net.connections[1]!.server.abort();
    await lab.world.run(1_200);
    expect(open(lab)).toBe(3);
    expect(kinds(client)).not.toContain('interrupted');
  });

  test('counts attempts that hang: they do not pile up', async () => {
    const lab = await serving();
    await lab.connected({ connections: 3 });
    lab.net.down = true;
    await lab.world.run(10_000);
    expect(lab.net.connections).toHaveLength(1);
    lab.net.down = false;
    await lab.world.run(3_000);
    expect(open(lab)).toBe(3);
  });

  test('a silent connection is closed after the session time-out and replaced', async () => {
    const lab = await serving();
    await lab.connected({ connections: 2 });
    await lab.world.run(3_000);
    lab.net.connections[1]!.client.mute = true;
    await lab.world.run(25_000);
    expect(lab.net.connections[1]!.client.closed).toBe(true);
    expect(open(lab)).toBe(2);
  });

  test('a further connection to a server with another certificate ends the session', async () => {
    const lab = await serving();
    const client = await lab.connected({ connections: 2 });
    lab.net.certificate = new Uint8Array([9, 9, 9]);
    await lab.world.run(3_000);
    expect(kinds(client)).toContain('lost');
  });

  test('a server that comes back with another certificate is logged in to at once, when it is trusted', async () => {
    const lab = await serving();
    const client = await lab.connected({ reconnectMs: 15_000, trust: async () => undefined });
    await lab.world.run(20_000);
    lab.net.certificate = new Uint8Array([9, 9, 9]);
    for (const { client: end } of lab.net.connections) end.abort();
    await lab.world.run(2_000);
    expect(kinds(client).slice(-4)).toEqual(['interrupted', 'lost', 'connecting', 'established']);
  });

  test('an address that leads to two servers in turn is not dialled without pause', async () => {
    const lab = await serving();
    const client = await lab.connected({ connections: 2, reconnectMs: 15_000, trust: async () => undefined });
    const dialled = lab.net.connections.length;
    for (let second = 0; second < 60; second++) {
      lab.net.certificate = new Uint8Array([second, 9, 9]);
      await lab.world.run(1_000);
    }
    expect(kinds(client)).toContain('lost');
    expect(lab.net.connections.length - dialled).toBeLessThan(12);
  });
});

describe('half duplex', () => {
  test('directions are dealt as 2, 1, 1, 2, and frames and keep-alives keep to them', async () => {
    const lab = await serving();
    const client = await lab.connected({ connections: 4, halfDuplex: true });
    await lab.world.run(5_000);
    const connections = client.client.status().hubs[0]?.sessions[0]?.connections ?? [];
    expect(connections.map(({ direction }) => direction)).toEqual([
      'client-to-server',
      'server-to-client',
      'server-to-client',
      'client-to-server',
    ]);
    for (const { client: up, server: down } of lab.net.connections) {
      up.record = true;
      down.record = true;
    }
    client.tap().arrive(frame(BROADCAST, mac(1)));
    lab.serverTap.arrive(frame(mac(1), mac(9)));
    await lab.world.run(60_000);
    const silent = lab.net.connections.map(({ client: up, server: down }) => [
      up.sent.length > 0,
      down.sent.length > 0,
    ]);
    expect(silent).toEqual([
      [true, false],
      [false, true],
      [false, true],
      [true, false],
    ]);
    expect(client.tap().frames).toHaveLength(1);
    expect(lab.serverTap.frames).toHaveLength(1);
  });

  test('all connections one way round heal themselves', async () => {
    const lab = await serving();
    const client = await lab.connected({ connections: 2, halfDuplex: true });
    await lab.world.run(3_000);
    // The client-to-server connection dies; its replacement must not become another server-to-client one.
    lab.net.connections[0]!.server.abort();
    await lab.world.run(10_000);
    const connections = client.client.status().hubs[0]?.sessions[0]?.connections ?? [];
    expect(connections.map(({ direction }) => direction).sort()).toEqual(['client-to-server', 'server-to-client']);
    client.tap().arrive(frame(BROADCAST, mac(1)));
    await lab.world.run(100);
    expect(lab.serverTap.frames).toHaveLength(1);
  });
});

describe('lifetime', () => {
  test.each([
    1, 2, 8,
  ])('of %i connections: no frame is lost or doubled while they are replaced', async (connections) => {
    const lab = await serving(connections);
    lab.net.link = { latencyMs: 15, pieces: 'random', window: 0x8000 };
    const client = await lab.connected({ connections, connectionLifetimeMs: 5_000 });
    lab.serverTap.arrive(frame(BROADCAST, mac(9)));
    client.tap().arrive(frame(BROADCAST, mac(1)));
    await lab.world.run(1_000);
    const [up, down] = [lab.serverTap.frames.length, client.tap().frames.length];
    const FRAMES = 6_000;
    for (let i = 0; i < FRAMES; i++) {
      const number = [i >> 8, i & 0xff];
      const out = frame(mac(9), mac(1), 300);
      out.set(number, 20);
      client.tap().arrive(out);
      const back = frame(mac(1), mac(9), 300);
      back.set(number, 20);
      lab.serverTap.arrive(back);
      await lab.world.run(10);
    }
    await lab.world.run(2_000);
    const numbers = (frames: Uint8Array[]): number[] => frames.map((f) => f[20]! * 256 + f[21]!).sort((x, y) => x - y);
    const all = Array.from({ length: FRAMES }, (_, i) => i);
    expect(numbers(lab.serverTap.frames.slice(up))).toEqual(all);
    expect(numbers(client.tap().frames.slice(down))).toEqual(all);
    // Sixty seconds at five each, held back by the interval of one second: at least eight replacements.
    expect(lab.net.connections.length).toBeGreaterThan(connections + 8);
    expect(open(lab)).toBeLessThanOrEqual(connections + 1);
    expect(kinds(client)).toEqual(['connecting', 'established']);
  });

  test('is off by default', async () => {
    const lab = await serving();
    await lab.connected({ connections: 2 });
    await lab.world.run(600_000);
    expect(lab.net.connections).toHaveLength(2);
  });
});

describe('resumption', () => {
  test('a session that lost its connection is resumed, with the frames that waited', async () => {
    const lab = await serving();
    const client = await lab.connected();
    await lab.world.run(2_000);
    lab.net.down = true;
    lab.net.connections[0]!.server.abort();
    await lab.world.run(5_000);
    lab.serverTap.arrive(frame(BROADCAST, mac(9)));
    client.tap().arrive(frame(BROADCAST, mac(1)));
    await lab.world.run(5_000);
    lab.net.down = false;
    await lab.world.run(2_000);
    expect(kinds(client)).toEqual(['connecting', 'established', 'interrupted', 'resumed']);
    expect(client.tap().frames).toHaveLength(1);
    expect(lab.serverTap.frames).toHaveLength(1);
    expect(lab.server.status().hubs[0]?.sessions.map(({ name }) => name)).toEqual(['SID-GUEST-1']);
  });

  test('after the time-out the client logs in anew', async () => {
    const lab = await serving();
    const client = await lab.connected();
    lab.net.down = true;
    lab.net.connections[0]!.server.abort();
    await lab.world.run(30_000);
    lab.net.down = false;
    await lab.world.run(20_000);
    expect(kinds(client).slice(0, 4)).toEqual(['connecting', 'established', 'interrupted', 'lost']);
    expect(kinds(client).at(-1)).toBe('established');
    expect(lab.server.status().hubs[0]?.sessions.map(({ name }) => name)).toEqual(['SID-GUEST-2']);
  });

  test('a server that was restarted is logged in to at once, not after the interval', async () => {
    const lab = await serving();
    const client = await lab.connected();
    await lab.server.close();
    await lab.world.run(3_000);
    await lab.serve();
    await lab.world.run(2_000);
    expect(client.client.status().client?.state).toBe('established');
    expect(kinds(client).filter((kind) => kind === 'established')).toHaveLength(2);
  });

  test('a machine that wakes up renews its connections at once', async () => {
    const lab = await serving();
    const client = await lab.connected({ connections: 2 });
    await lab.world.run(5_000);
    expect(lab.net.connections).toHaveLength(2);
    client.host.sleep(3_600_000);
    await lab.world.run(6_000);
    expect(lab.net.connections).toHaveLength(4);
    expect(open(lab)).toBe(2);
    expect(kinds(client)).toEqual(['connecting', 'established']);
  });

  test('a machine that loses the address of its connections replaces them at once, and no other change disturbs', async () => {
    const lab = await serving();
    const client = await lab.connected({ connections: 2 });
    await lab.world.run(5_000);
    client.host.addressesChanged(['10.0.0.11', '10.5.5.5']);
    await lab.world.run(5_000);
    expect(lab.net.connections).toHaveLength(2);
    client.host.addressesChanged(['10.5.5.5']);
    await lab.world.run(5_000);
    expect(lab.net.connections).toHaveLength(4);
  });

  test('a machine that wakes up while it waits tries at once', async () => {
    const lab = new SimLab();
    const client = lab.connect({ reconnectMs: 60_000 });
    await lab.world.run(5_000);
    client.host.sleep(10_000);
    await lab.world.run(3_000);
    expect(kinds(client).filter((kind) => kind === 'connecting')).toHaveLength(2);
  });
});

describe('reconnection', () => {
  test.each([0, 1, 3])('with %i attempts more than the first', async (reconnectAttempts) => {
    const lab = new SimLab();
    const client = lab.connect({ reconnectAttempts, reconnectMs: 5_000 });
    await lab.world.run(120_000);
    expect(kinds(client).filter((kind) => kind === 'connecting')).toHaveLength(reconnectAttempts + 1);
    expect(client.end).toMatchObject({ kind: 'unreachable' });
  });

  test('a stubborn client goes on after a wrong password, until its attempts are used up', async () => {
    const lab = await serving();
    const credential = { kind: 'hashed', password: new Uint8Array([1]) } as const;
    const client = lab.connect({ user: 'alice', credential, reconnectAttempts: 2, stubborn: true, reconnectMs: 5_000 });
    await lab.world.run(60_000);
    expect(kinds(client).filter((kind) => kind === 'connecting')).toHaveLength(3);
    expect(client.end?.message).toMatch(/password/);
  });
});

describe('no encryption', () => {
  test('every connection leaves TLS behind its login, in both directions', async () => {
    const lab = await serving();
    const client = await lab.connected({ connections: 3, encrypt: false });
    client.tap().arrive(frame(BROADCAST, mac(1)));
    await lab.world.run(5_000);
    expect(lab.net.connections.map(({ client: up, server: down }) => [up.bare, down.bare])).toEqual(
      Array.from({ length: 3 }, () => [true, true]),
    );
    expect(lab.serverTap.frames).toHaveLength(1);
    const [connection] = lab.server.status().hubs[0]?.sessions[0]?.connections ?? [];
    expect(connection?.cipher).toBe('none');
  });

  test('has to be asked for', async () => {
    const lab = await serving();
    const client = await lab.connected();
    expect(lab.net.connections.map(({ client: up }) => up.bare)).toEqual([false]);
    expect(client.client.status().client?.state).toBe('established');
  });
});

describe('what the host is told', () => {
  test('every connection is asked for with the proxy and the CAs', async () => {
    const lab = await serving();
    const proxy = { kind: 'socks5', host: '10.0.0.9', port: 1080, user: 'ann', password: 'secret' } as const;
    const client = await lab.connected({ connections: 3, proxy, ca: 'PEM' });
    await lab.world.run(5_000);
    expect(client.host.dialled).toHaveLength(3);
    for (const options of client.host.dialled) expect(options).toMatchObject({ proxy, ca: 'PEM' });
    const direct = await lab.connected();
    expect(direct.host.dialled.map(({ proxy: by, ca }) => [by, ca])).toEqual([[undefined, undefined]]);
  });
});

describe('a session as a cascade has it', () => {
  test('tries again every 10 s for ever, whatever the answer is, and holds 8 connections', async () => {
    const lab = await serving();
    const { reconnectInterval, reconnectAttempts, connections } = CASCADE;
    const cascade = {
      reconnectMs: reconnectInterval * 1_000,
      reconnectAttempts,
      stubborn: true,
      connections,
      bridge: true,
    };
    const wrong = lab.connect({ ...cascade, hub: 'elsewhere' });
    await lab.world.run(605_000);
    expect(kinds(wrong).filter((kind) => kind === 'connecting')).toHaveLength(61);
    expect(wrong.end).toBeUndefined();
    const right = await lab.connected(cascade);
    await lab.world.run(20_000);
    expect(right.client.status().hubs[0]?.sessions[0]?.connections).toHaveLength(8);
  });
});

describe('QoS', () => {
  test.each([
    true,
    false,
  ])('asked for: %s; then a priority frame overtakes the bulk that waits, or does not', async (qos) => {
    const lab = await serving();
    const client = await lab.connected({ qos });
    await lab.world.run(5_000);
    const voice = frame(mac(9), mac(1), 100, 7);
    voice.set([0x08, 0x00, 0x45, 0xb8], 12);
    voice.set([0xfd], 23);
    // One of each before: the stations are known, and no storm is seen.
    lab.serverTap.arrive(frame(BROADCAST, mac(9)));
    await lab.world.run(100);
    // Of the same flow: another one would have its turn anyhow.
    const bulk = frame(mac(9), mac(1), 1_400, 7);
    bulk.set(voice.subarray(0, 34));
    bulk[15] = 0;
    for (let i = 0; i < 300; i++) client.tap().arrive(bulk);
    client.tap().arrive(voice);
    await lab.world.run(5_000);
    const lengths = lab.serverTap.frames.map((each) => each.length);
    expect(lengths.filter((length) => length === 1_400)).toHaveLength(300);
    const at = lengths.indexOf(100);
    expect(at).toBeGreaterThanOrEqual(0);
    expect(at < lengths.lastIndexOf(1_400)).toBe(qos);
  });
});
