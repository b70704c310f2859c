// The ends of sessions, and the limits of how many there can be.

import { describe, expect, test } from 'vitest';
import { writePackRequest, writeSignature } from '../../engine/login/exchange.ts';
import { PackBuilder } from '../../engine/pack/builder.ts';
import { BROADCAST, frame, mac, u32 } from './frames.ts';
import { SimLab } from './lab.ts';
import { RawClient } from './raw-client.ts';

const KEEP_ALIVE = Uint8Array.from([...u32(0xffff_ffff), ...u32(0)]);

describe('limits', () => {
  test('logins that are granted together and read later do not take more room than there is', async () => {
    const lab = new SimLab();
    await lab.serve();
    const sessions = async (): Promise<number> => lab.server.status().hubs[0]!.sessions.length;
    for (let i = 0; i < 1_500; i++) await RawClient.login(lab);
    expect(await sessions()).toBe(1_500);
    // Their answers fit in the window, but for the last bytes.
    lab.net.link = { latencyMs: 1, pieces: 'whole', window: 2_000 };
    const waiting = Array.from({ length: 900 }, () => RawClient.dial(lab));
    for (const client of waiting) {
      client.channel.pause();
      client.send(writeSignature('10.0.0.1'));
    }
    await lab.world.run(10);
    for (const client of waiting) {
      const login = new PackBuilder()
        .str('method', 'login')
        .str('hubname', 'lab')
        .str('username', 'guest')
        .bool('use_encrypt', true);
      client.send(writePackRequest(login, '10.0.0.1', (count) => new Uint8Array(count), 0));
    }
    await lab.world.run(10);
    for (const client of waiting) client.channel.resume();
    await lab.world.run(100);
    expect(await sessions()).toBe(1_920);
  });

  test('further connections that are granted together are not more than the session may have', async () => {
    const lab = new SimLab();
    await lab.serve();
    const first = await RawClient.login(lab, { maxConnection: 4 });
    lab.net.link = { latencyMs: 1, pieces: 'whole', window: 700 };
    const waiting = Array.from({ length: 20 }, () => RawClient.dial(lab));
    for (const client of waiting) {
      client.channel.pause();
      client.send(writeSignature('10.0.0.1'));
    }
    await lab.world.run(10);
    for (const client of waiting) {
      const attach = new PackBuilder().str('method', 'additional_connect').data('session_key', first.sessionKey);
      client.send(writePackRequest(attach, '10.0.0.1', (count) => new Uint8Array(count), 0));
    }
    await lab.world.run(10);
    for (const client of waiting) client.channel.resume();
    await lab.world.run(100);
    expect(lab.server.status().hubs[0]?.sessions[0]?.connections).toHaveLength(5);
  });
});

describe('half duplex', () => {
  test('a session that loses all connections waits for its client, whichever was lost last', async () => {
    const lab = new SimLab();
    await lab.serve();
    const up = await RawClient.login(lab, { maxConnection: 2, halfConnection: true });
    const down = await RawClient.attach(lab, up.sessionKey);
    expect(down.outcome).toMatchObject({ kind: 'attached', direction: 1 });
    // The client says nothing on the second connection, as is right.
    for (let i = 0; i < 10; i++) {
      await lab.world.run(5_000);
      up.send(KEEP_ALIVE);
    }
    await lab.world.run(1_000);
    up.channel.abort();
    await lab.world.run(100);
    down.channel.abort();
    await lab.world.run(10_000);
    expect((await RawClient.attach(lab, up.sessionKey)).outcome).toMatchObject({ kind: 'attached' });
  });
});

describe('a connection that goes away', () => {
  test('leaves what waited for it to the others at once', async () => {
    const lab = new SimLab();
    await lab.serve();
    const first = await RawClient.login(lab, { maxConnection: 2, qos: true });
    lab.net.link = { latencyMs: 1, pieces: 'whole', window: 2_000 };
    const second = await RawClient.attach(lab, first.sessionKey);
    await lab.world.run(500);
    // The second one is for priority frames. It does not read, and they wait.
    second.channel.pause();
    const voice = frame(BROADCAST, mac(1), 200);
    voice.set([0x08, 0x00, 0x45, 0xb8], 12);
    for (let i = 0; i < 30; i++) {
      lab.serverTap.arrive(voice);
      await lab.world.run(5);
    }
    const before = first.received.length;
    second.channel.abort();
    await lab.world.run(50);
    expect(first.received.length - before).toBeGreaterThan(2_000);
  });
});

describe('a process that stood still', () => {
  test('reads what came meanwhile before it gives a peer up', async () => {
    const lab = new SimLab();
    await lab.serve();
    const client = await lab.connected();
    await lab.world.run(1_000);
    // Both ends are in the same machine; all timers are late together.
    lab.world.now += 60_000;
    await lab.world.run(5_000);
    expect(client.events.filter((event) => event.kind === 'lost')).toEqual([]);
    expect(lab.server.status().hubs[0]?.sessions).toHaveLength(1);
  });
});

describe('a TAP of a hub that goes away', () => {
  test('is not in the status any more, whoever has its port', async () => {
    const lab = new SimLab();
    await lab.serve();
    lab.serverTap.fail({ doing: 'tap', code: 'EBADFD', message: 'somebody removed the device' });
    await lab.world.run(10);
    await lab.connected();
    expect(lab.server.status().hubs[0]?.taps).toEqual([]);
    await lab.server.close();
  });
});
