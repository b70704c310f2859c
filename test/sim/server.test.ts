import { describe, expect, test } from 'vitest';
import { BROADCAST, batch, frame, mac, u32 } from './frames.ts';
import { SimLab } from './lab.ts';
import { RawClient } from './raw-client.ts';

async function serving(seed = 1): Promise<SimLab> {
  const lab = new SimLab(seed);
  await lab.serve();
  return lab;
}

function text(client: RawClient): string {
  return new TextDecoder().decode(Uint8Array.from(client.received));
}

describe('additional connections', () => {
  test('join the session, up to the number that was granted and a replacement', async () => {
    const lab = await serving();
    const first = await RawClient.login(lab, { maxConnection: 3 });
    for (let i = 0; i < 3; i++) {
      expect((await RawClient.attach(lab, first.sessionKey)).outcome).toMatchObject({ kind: 'attached', direction: 0 });
    }
    expect(lab.server.status().hubs[0]?.sessions[0]?.connections).toHaveLength(4);
    expect((await RawClient.attach(lab, first.sessionKey)).outcome).toMatchObject({ kind: 'refused', code: 15 });
  });

  test('with an unknown key are refused with 13', async () => {
    const lab = await serving();
    await RawClient.login(lab);
    expect((await RawClient.attach(lab, new Uint8Array(20))).outcome).toMatchObject({ kind: 'refused', code: 13 });
  });

  test('of a half-duplex session get the directions 2, 1, 1, 2, 1', async () => {
    const lab = await serving();
    const first = await RawClient.login(lab, { maxConnection: 5, halfConnection: true });
    for (const direction of [1, 1, 2, 1]) {
      expect((await RawClient.attach(lab, first.sessionKey)).outcome).toMatchObject({ kind: 'attached', direction });
    }
  });

  test('of a half-duplex session carry what waited for them, and the login connection carries nothing down', async () => {
    const lab = await serving();
    const first = await RawClient.login(lab, { maxConnection: 2, halfConnection: true });
    lab.serverTap.arrive(frame(BROADCAST, mac(7)));
    await lab.world.run(1_000);
    expect(first.received).toEqual([]);
    const second = await RawClient.attach(lab, first.sessionKey);
    await lab.world.run(1_000);
    const keepAlive = 8 + new DataView(Uint8Array.from(second.received.slice(4, 8)).buffer).getUint32(0);
    expect(second.received.slice(keepAlive)).toEqual([...batch(frame(BROADCAST, mac(7)))]);
    expect(first.received).toEqual([]);
  });

  test('revive a session that has lost its connections, with the frames that waited', async () => {
    const lab = await serving();
    const first = await RawClient.login(lab);
    await lab.world.run(100);
    first.channel.abort();
    await lab.world.run(5_000);
    lab.serverTap.arrive(frame(BROADCAST, mac(7)));
    await lab.world.run(5_000);
    const second = await RawClient.attach(lab, first.sessionKey);
    await lab.world.run(100);
    expect(second.received.slice(-68)).toEqual([...batch(frame(BROADCAST, mac(7)))]);
    second.channel.abort();
    await lab.world.run(21_000);
    expect((await RawClient.attach(lab, first.sessionKey)).outcome).toMatchObject({ kind: 'refused', code: 13 });
    expect(lab.server.status().hubs[0]?.sessions).toEqual([]);
  });
});

describe('strangers', () => {
  test('a browser gets a page with the tag that old clients look for', async () => {
    const lab = await serving();
    const browser = RawClient.dial(lab);
    browser.send('GET / HTTP/1.1\r\nHost: 10.0.0.1\r\n\r\n');
    await lab.world.run(100);
    expect(text(browser)).toMatch(/^HTTP\/1\.1 20[02] /);
    expect(text(browser).slice(0, 1400)).toContain('9C37197CA7C2428388C2E6E59B829B30');
    expect(browser.gone).toBe(false);
  });

  test('a peer that says nothing is closed', async () => {
    const lab = await serving();
    const silent = RawClient.dial(lab);
    await lab.world.run(14_000);
    expect(silent.gone).toBe(false);
    await lab.world.run(10_000);
    expect(silent.gone).toBe(true);
  });

  test('a peer that sends a byte every ten seconds is closed after a minute', async () => {
    const lab = await serving();
    const slow = RawClient.dial(lab);
    for (let i = 0; i < 8; i++) {
      slow.send('G');
      await lab.world.run(10_000);
    }
    expect(slow.gone).toBe(true);
  });

  test('garbage at any moment of a login ends that connection only', async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const lab = await serving(seed);
      const bystander = await lab.connected();
      lab.net.link = { latencyMs: 1, pieces: 'random', window: 0x40000 };
      const stranger = RawClient.dial(lab);
      if (lab.world.chance() < 0.5) {
        stranger.send('POST /vpnsvc/connect.cgi HTTP/1.1\r\nContent-Length: 10\r\n\r\nVPNCONNECT');
      }
      await lab.world.run(lab.world.pick(20));
      stranger.send(lab.world.bytes(1 + lab.world.pick(5_000)));
      await lab.world.run(120_000);
      expect(stranger.gone, `seed ${seed}`).toBe(true);
      expect(bystander.client.status().client?.state, `seed ${seed}`).toBe('established');
    }
  });
});

describe('a client in its tunnel', () => {
  test('that is not a bridge brings three stations and no more', async () => {
    const lab = await serving();
    const client = await RawClient.login(lab);
    client.send(batch(...[1, 2, 3, 4, 5].map((station) => frame(BROADCAST, mac(station)))));
    await lab.world.run(100);
    expect(lab.serverTap.frames).toHaveLength(3);
    expect(lab.server.status().hubs[0]?.sessions[0]?.drops).toEqual({ 'too-many-stations': 2 });
  });

  test('that asked for bridge mode brings as many as it likes', async () => {
    const lab = await serving();
    const client = await RawClient.login(lab, { bridgeMode: true });
    client.send(batch(...[1, 2, 3, 4, 5].map((station) => frame(BROADCAST, mac(station)))));
    await lab.world.run(100);
    expect(lab.serverTap.frames).toHaveLength(5);
  });

  test('that stops reading loses frames, and nobody else does', async () => {
    const lab = await serving();
    lab.net.link = { latencyMs: 1, pieces: 'whole', window: 0x8000 };
    const stuck = await RawClient.login(lab);
    const bystander = await lab.connected();
    // It takes part once, so that it is known, and then its window stays full.
    stuck.send(batch(frame(BROADCAST, mac(1))));
    await lab.world.run(50);
    stuck.channel.pause();
    for (let i = 0; i < 5_000; i++) lab.serverTap.arrive(frame(mac(1), mac(9), 1514));
    lab.serverTap.arrive(frame(BROADCAST, mac(9)));
    await lab.world.run(2_000);
    expect(bystander.tap().frames.at(-1)).toEqual(frame(BROADCAST, mac(9)));
    expect(stuck.received.length).toBeLessThan(0x9000);
    const [theirs, ours] = lab.server.status().hubs[0]?.sessions ?? [];
    expect(theirs?.drops['queue-full']).toBeGreaterThan(3_000);
    expect(ours?.drops).toEqual({});
  });

  test('that keeps sending but never a complete block is closed after the time-out', async () => {
    const lab = await serving();
    const client = await RawClient.login(lab);
    client.send(Uint8Array.from([...u32(1), ...u32(1500)]));
    for (let i = 0; i < 30; i++) {
      client.send(new Uint8Array(10));
      await lab.world.run(1_000);
    }
    expect(client.gone).toBe(true);
  });
});
