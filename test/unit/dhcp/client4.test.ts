import { beforeEach, describe, expect, test } from 'vitest';
import { Dhcp4, type Lease4 } from '../../../engine/dhcp/client4.ts';
import { type Answer, type Asked, answer, asked, lease, SERVER, SERVER_MAC, u32 } from './model4.ts';
import { numbers } from './numbers.ts';

const MAC = Uint8Array.of(2, 1, 2, 3, 4, 5);
const [DISCOVER, OFFER, REQUEST, ACK, NAK, RELEASE] = [1, 2, 3, 5, 6, 7];
const ADDRESS = '10.9.0.50';

let now = 0;
let sent: Asked[] = [];
let told: { lease: Lease4 | undefined; cause: string }[] = [];
let client: Dhcp4;

beforeEach(() => {
  now = 1_000;
  sent = [];
  told = [];
  client = new Dhcp4({
    mac: MAC,
    hostName: 'laptop.example.com',
    random: numbers(),
    send: (frame) => sent.push(asked(frame)!),
    changed: (found, cause) => told.push({ lease: found, cause }),
    touch: () => {},
  });
});

/** Lets time pass to its next deadline, `limit` ms at most. */
function pass(limit: number): void {
  const end = now + limit;
  while (client.pollTimeout() <= end) {
    now = Math.max(now, client.pollTimeout());
    client.handleTimeout(now);
  }
  now = end;
}

function last(): Asked {
  return sent.at(-1)!;
}

function reply(given: Answer, question: Pick<Asked, 'transaction' | 'mac'> = last()): void {
  client.handleFrame(answer(question, given), now);
}

function bind(seconds = 100): void {
  client.handleLink(now);
  reply({ type: OFFER, address: ADDRESS, options: lease(seconds) });
  reply({ type: ACK, address: ADDRESS, options: lease(seconds) });
  expect(client.state).toBe('bound');
}

describe('an address is had', () => {
  test('by four messages, and everything that came with it is there', () => {
    client.handleLink(now);
    expect(last()).toMatchObject({
      type: DISCOVER,
      mac: MAC.join(':'),
      client: '0.0.0.0',
      destination: '255.255.255.255',
    });
    expect(new TextDecoder().decode(last().options.get(12))).toBe('laptop');
    const search = [3, ...text('lab'), 4, ...text('test'), 0, 4, ...text('more'), 0xc0, 4];
    const more = [
      [15, text('lab.test')],
      [26, [5, 120]],
      [119, search],
      [121, [8, 10, 10, 9, 0, 7, 0, 10, 9, 0, 8, 24, 192, 0, 2, 0, 0, 0, 0]],
    ] as const;
    reply({ type: OFFER, address: ADDRESS, options: lease(100) });
    expect(last()).toMatchObject({ type: REQUEST, requested: ADDRESS, server: SERVER, client: '0.0.0.0' });
    reply({ type: ACK, address: ADDRESS, options: lease(100, ...more) });
    expect(told).toHaveLength(1);
    expect(told[0]?.lease).toMatchObject({
      ...{
        address: ADDRESS,
        prefix: 24,
        server: SERVER,
        routers: ['10.9.0.1'],
        dns: ['10.9.0.53'],
        domain: 'lab.test',
      },
      ...{ search: ['lab.test', 'more.test'], mtu: 1400 },
      routes: [{ to: '10.0.0.0/8', via: '10.9.0.7' }, { to: '0.0.0.0/0', via: '10.9.0.8' }, { to: '192.0.2.0/24' }],
      ...{ renewAt: now + 50_000, rebindAt: now + 87_500, expiresAt: now + 100_000 },
    });
  });

  test('what is lost is asked for again, less and less often', () => {
    client.handleLink(now);
    pass(4 * 60_000);
    const times = sent.length;
    expect(times).toBeGreaterThanOrEqual(6);
    expect(times).toBeLessThanOrEqual(8);
    expect(new Set(sent.map(({ transaction }) => transaction)).size).toBe(1);
    reply({ type: OFFER, address: ADDRESS, options: lease(100) });
    pass(3_500);
    expect(sent.filter(({ type }) => type === REQUEST).length).toBeGreaterThanOrEqual(1);
    // A server that offers and is never heard of again: after four requests everybody is asked anew.
    pass(120_000);
    expect(sent.filter(({ type }) => type === REQUEST)).toHaveLength(4);
    expect(last().type).toBe(DISCOVER);
  });

  test.each([
    ['another transaction', { transaction: 1 }],
    ['another client', { mac: [2, 9, 9, 9, 9, 9] }],
    ['no lease time', { options: [] }],
    ['an address nobody can have', { address: '127.0.0.1' }],
    ['no address', { address: '0.0.0.0' }],
    ['a group', { address: '224.0.0.1' }],
  ] as const)('an offer with %s is passed over', (_, wrong) => {
    client.handleLink(now);
    reply({ type: OFFER, address: ADDRESS, options: lease(100), ...wrong });
    expect(client.state).toBe('selecting');
  });

  test.each([
    ['of another server', { server: '10.9.0.2' }],
    ['with another address', { address: '10.9.0.51' }],
    ['to another transaction', { transaction: 99 }],
    ['to another client', { mac: [2, 9, 9, 9, 9, 9] }],
  ] as const)('an acknowledgement %s is passed over', (_, wrong) => {
    client.handleLink(now);
    reply({ type: OFFER, address: ADDRESS, options: lease(100) });
    reply({ type: ACK, address: ADDRESS, options: lease(100), ...wrong });
    expect(client.state).toBe('requesting');
    expect(told).toEqual([]);
  });

  test('a frame with a broken checksum is passed over', () => {
    client.handleLink(now);
    const frame = answer(last(), { type: OFFER, address: ADDRESS, options: lease(100) });
    frame[60]! ^= 1;
    client.handleFrame(frame, now);
    expect(client.state).toBe('selecting');
  });

  test('names that would end as lines of a file are no names', () => {
    client.handleLink(now);
    reply({ type: OFFER, address: ADDRESS, options: lease(100) });
    reply({ type: ACK, address: ADDRESS, options: lease(100, [15, text('a\nnameserver 6.6.6.6')], [26, [0, 68]]) });
    expect(told[0]?.lease?.domain).toBeUndefined();
    expect(told[0]?.lease?.mtu).toBeUndefined();
  });
});

describe('a lease', () => {
  test('is renewed at its server, then at any, and ends', () => {
    bind(1_000);
    pass(499_000);
    expect(sent).toHaveLength(2);
    pass(2_000);
    expect(last()).toMatchObject({ type: REQUEST, client: ADDRESS, requested: undefined, server: undefined });
    expect(last()).toMatchObject({ destination: SERVER, destinationMac: SERVER_MAC.join(':') });
    pass(376_000);
    expect(client.state).toBe('rebinding');
    expect(last()).toMatchObject({ client: ADDRESS, destination: '255.255.255.255' });
    expect(told).toHaveLength(1);
    pass(125_000);
    expect(told.at(-1)).toEqual({ lease: undefined, cause: 'the lease has expired' });
    expect(last().type).toBe(DISCOVER);
  });

  test('goes on when the renewal is answered, with the times of the answer', () => {
    bind(100);
    pass(51_000);
    reply({ type: ACK, address: ADDRESS, options: lease(300, [58, u32(10)], [59, u32(20)]) });
    expect(told.at(-1)?.lease).toMatchObject({
      renewAt: now + 10_000,
      rebindAt: now + 20_000,
      expiresAt: now + 300_000,
    });
    // What makes no sense is not believed.
    pass(10_500);
    reply({ type: ACK, address: ADDRESS, options: lease(100, [58, u32(200)], [59, u32(150)]) });
    expect(told.at(-1)?.lease).toMatchObject({ renewAt: now + 50_000, rebindAt: now + 87_500 });
  });

  test('that never ends is never renewed', () => {
    bind(0xffff_ffff);
    expect(client.pollTimeout()).toBe(Number.POSITIVE_INFINITY);
  });

  test('is gone with a NAK, and another is looked for after a while, in peace', () => {
    bind(100);
    pass(51_000);
    reply({ type: NAK, options: [[56, text('not yours')]] });
    expect(told.at(-1)).toEqual({ lease: undefined, cause: 'the server took the lease back: not yours' });
    const count = sent.length;
    pass(900);
    expect(sent).toHaveLength(count);
    pass(200);
    expect(last().type).toBe(DISCOVER);
    // Servers that refuse for ever do not make a storm.
    for (let i = 0; i < 20; i++) {
      reply({ type: OFFER, address: ADDRESS, options: lease(100) });
      reply({ type: NAK });
      pass(61_000);
    }
    expect(sent.length - count).toBeLessThan(70);
  });

  test('a NAK of a bystander does nothing', () => {
    bind(100);
    pass(51_000);
    reply({ type: NAK, server: '10.9.0.66' });
    expect(client.lease?.address).toBe(ADDRESS);
    reply({ type: NAK, transaction: 5 });
    expect(client.lease?.address).toBe(ADDRESS);
  });

  test('stays without a link, is confirmed with the next one, and used on when nobody answers', () => {
    bind(1_000);
    client.handleLinkLost();
    pass(100_000);
    expect(sent).toHaveLength(2);
    client.handleLink(now);
    // INIT-REBOOT: RFC 2131 §4.3.2.
    expect(last()).toMatchObject({ type: REQUEST, requested: ADDRESS, server: undefined, client: '0.0.0.0' });
    pass(60_000);
    expect(client.state).toBe('bound');
    expect(client.lease?.address).toBe(ADDRESS);
    client.handleLinkLost();
    client.handleLink(now);
    reply({ type: ACK, address: ADDRESS, options: lease(500) });
    expect(client.lease?.expiresAt).toBe(now + 500_000);
    client.handleLinkLost();
    client.handleLink(now);
    reply({ type: NAK });
    expect(client.lease).toBeUndefined();
  });

  test('that ends without a link is gone, and is asked for only with the next one', () => {
    bind(100);
    client.handleLinkLost();
    pass(200_000);
    expect(told.at(-1)?.cause).toBe('the lease has expired');
    expect(sent).toHaveLength(2);
    client.handleLink(now);
    expect(last().type).toBe(DISCOVER);
  });

  test('is given back', () => {
    bind(100);
    client.release(now);
    expect(last()).toMatchObject({ type: RELEASE, client: ADDRESS, server: SERVER, destination: SERVER });
    expect(client.pollTimeout()).toBe(Number.POSITIVE_INFINITY);
  });
});

function text(value: string): number[] {
  return [...new TextEncoder().encode(value)];
}
