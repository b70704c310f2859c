// Peers that do not read, do not speak, or come in crowds.

import { describe, expect, test } from 'vitest';
import { writePackRequest, writeSignature } from '../../engine/login/exchange.ts';
import { PackBuilder } from '../../engine/pack/builder.ts';
import { BROADCAST, frame, mac, u32 } from './frames.ts';
import { SimLab } from './lab.ts';
import { RawClient } from './raw-client.ts';

const MINUTE = 60_000;

describe('a stranger who does not read', () => {
  test.each([
    ['the page', ['GET / HTTP/1.1\r\nHost: x\r\n\r\n']],
    ['the last page', ['GET / HTTP/1.1\r\nConnection: close\r\n\r\n']],
    ['the hello', [writeSignature('10.0.0.1')]],
  ])('%s does not keep the connection', async (_what, requests) => {
    const lab = new SimLab();
    lab.net.link = { latencyMs: 1, pieces: 'whole', window: 64 };
    await lab.serve();
    const client = RawClient.dial(lab);
    client.channel.pause();
    for (const request of requests) {
      const bytes = typeof request === 'string' ? new TextEncoder().encode(request) : request;
      for (let at = 0; at < bytes.length; ) {
        at += client.channel.write(bytes.subarray(at));
        await lab.world.run(5);
      }
    }
    await lab.world.run(2 * MINUTE);
    expect(client.gone).toBe(true);
  });

  test('the welcome does not keep the connection, and opens no session', async () => {
    const lab = new SimLab();
    await lab.serve();
    lab.net.link = { latencyMs: 1, pieces: 'whole', window: 1_000 };
    const client = RawClient.dial(lab);
    const login = new PackBuilder().str('method', 'login').str('hubname', 'lab').str('username', 'guest');
    const random = (count: number): Uint8Array => new Uint8Array(count);
    const send = async (bytes: Uint8Array): Promise<void> => {
      for (let at = 0; at < bytes.length; ) {
        at += client.channel.write(bytes.subarray(at));
        await lab.world.run(5);
      }
    };
    await send(writeSignature('10.0.0.1'));
    client.channel.pause();
    await send(writePackRequest(login, '10.0.0.1', random, 0));
    await lab.world.run(2 * MINUTE);
    expect(lab.server.status().hubs[0]?.sessions).toHaveLength(0);
    expect(client.gone).toBe(true);
  });
});

describe('a server that does not read', () => {
  test('is given up', async () => {
    const lab = new SimLab();
    lab.net.link = { latencyMs: 1, pieces: 'whole', window: 64 };
    lab.net.listeners.set('10.0.0.1:443', (channel) => {
      channel.pause();
      return { opened() {}, data() {}, writable() {}, closed() {} };
    });
    const client = lab.connect();
    await lab.world.run(50_000);
    expect(client.events.filter((event) => event.kind === 'connecting').length).toBeGreaterThan(1);
  });
});

describe('a server that closes as soon as it was reached', () => {
  test('is not dialled without a pause', async () => {
    const lab = new SimLab();
    lab.net.listeners.set('10.0.0.1:443', (channel) => ({
      opened: () => channel.close(),
      data() {},
      writable() {},
      closed() {},
    }));
    // A file of known servers is read before the answer is there.
    const trust = (): Promise<undefined> =>
      new Promise((resolve) => {
        lab.world.after(20, () => resolve(undefined));
      });
    const client = lab.connect({ trust });
    await lab.world.run(MINUTE);
    const attempts = client.events.filter((event) => event.kind === 'connecting').length;
    expect(attempts).toBeGreaterThan(2);
    expect(attempts).toBeLessThan(12);
  });
});

describe('a crowd of strangers', () => {
  test('does not take all the memory, and does not shut anybody out', async () => {
    const lab = new SimLab();
    await lab.serve();
    const crowd = Array.from({ length: 3_000 }, () => RawClient.dial(lab));
    await lab.world.run(100);
    expect(crowd.filter((client) => !client.gone).length).toBeLessThanOrEqual(1_024);
    await lab.connected();
  });
});

describe('sessions that do not read', () => {
  test('do not silence the others', { timeout: 120_000 }, async () => {
    const lab = new SimLab();
    await lab.serve({
      hubs: [{ name: 'lab', stormLimit: 0, users: [{ name: 'guest' }], taps: [{ name: 'elsrv0', addresses: [] }] }],
    });
    const good = await lab.connected();
    lab.net.link = { latencyMs: 1, pieces: 'whole', window: 2_000 };
    const stalled: RawClient[] = [];
    for (let i = 0; i < 20; i++) {
      const first = await RawClient.login(lab, { maxConnection: 32, bridgeMode: true });
      stalled.push(first);
      for (let k = 1; k < 32; k++) stalled.push(await RawClient.attach(lab, first.sessionKey));
    }
    for (const one of stalled) one.channel.pause();
    // Alive, as far as anybody can tell.
    const alive = (): void => {
      for (const one of stalled) one.send(Uint8Array.from([...u32(0xffff_ffff), ...u32(0)]));
    };
    for (let i = 0; i < 60; i++) {
      if (i % 10 === 0) alive();
      for (let k = 0; k < 20; k++) lab.serverTap.arrive(frame(BROADCAST, mac(1), 1514, k));
      await lab.world.run(200);
    }
    const before = good.tap().frames.length;
    for (let k = 0; k < 20; k++) lab.serverTap.arrive(frame(BROADCAST, mac(1), 1514, k));
    await lab.world.run(1_000);
    expect(good.tap().frames.length - before).toBe(20);
  });
});
