import { beforeEach, describe, expect, test } from 'vitest';
import { parseAdvertisement, solicitation } from '../../../engine/dhcp/advertisement.ts';
import { Dhcp6, type Lease6 } from '../../../engine/dhcp/client6.ts';
import { icmp6Frame, parseUdp, udp6Frame } from '../../../engine/dhcp/datagram.ts';
import { parseIpv6 } from '../../../engine/pack/ip-text.ts';
import { u32 } from './model4.ts';
import { numbers } from './numbers.ts';

const MAC = Uint8Array.of(2, 1, 2, 3, 4, 5);
const CLIENT = [0, 3, 0, 1, ...MAC];
const SERVER = [0, 1, 0, 1, 9, 9, 9, 9];
const [SOLICIT, ADVERTISE, REQUEST, CONFIRM, RENEW, REBIND, REPLY, RELEASE, INFORMATION] = [1, 2, 3, 4, 5, 6, 7, 8, 11];
const OWN = parseIpv6('fe80::1:2')!;
const ROUTER = parseIpv6('fe80::fe')!;
const ADDRESS = 'fd90::50';

let now = 0;
let sent: { type: number; transaction: number; options: Map<number, Uint8Array> }[] = [];
let told: { lease: Lease6 | undefined; cause: string }[] = [];
let client: Dhcp6;
let linkLocal: Uint8Array | undefined;

beforeEach(() => {
  now = 1_000;
  sent = [];
  told = [];
  linkLocal = OWN;
  client = new Dhcp6({
    mac: MAC,
    random: numbers(),
    linkLocal: () => linkLocal,
    send: (frame) => sent.push(asked(frame)),
    changed: (lease, cause) => told.push({ lease, cause }),
    touch: () => {},
  });
});

function asked(frame: Uint8Array) {
  const { payload, destinationPort } = parseUdp(frame)!;
  expect(destinationPort).toBe(547);
  const options = new Map<number, Uint8Array>();
  for (let at = 4; at < payload.length; ) {
    const length = payload[at + 2]! * 256 + payload[at + 3]!;
    options.set(payload[at]! * 256 + payload[at + 1]!, payload.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return { type: payload[0]!, transaction: (payload[1]! << 16) | (payload[2]! << 8) | payload[3]!, options };
}

function option(code: number, ...value: number[]): number[] {
  return [code >> 8, code & 255, value.length >> 8, value.length & 255, ...value];
}

function association(valid: number, renew = 0, rebind = 0, address = ADDRESS, ...more: number[]): number[] {
  const held = option(5, ...parseIpv6(address)!, ...u32(valid), ...u32(valid));
  return option(3, ...MAC.subarray(2), ...u32(renew), ...u32(rebind), ...held, ...more);
}

function reply(
  type: number,
  body: readonly number[],
  given: { transaction?: number; client?: number[]; server?: number[] } = {},
): void {
  const transaction = given.transaction ?? sent.at(-1)!.transaction;
  const payload = [
    type,
    ...u32(transaction).slice(1),
    ...option(1, ...(given.client ?? CLIENT)),
    ...option(2, ...(given.server ?? SERVER)),
    ...body,
  ];
  const frame = udp6Frame({
    sourceMac: Uint8Array.of(2, 0, 0, 0, 0, 1),
    destinationMac: MAC,
    source: ROUTER,
    destination: OWN,
    sourcePort: 547,
    destinationPort: 546,
    payload: Uint8Array.from(payload),
  });
  client.handleFrame(frame, now);
}

function pass(limit: number): void {
  const end = now + limit;
  while (client.pollTimeout() <= end) {
    now = Math.max(now, client.pollTimeout());
    client.handleTimeout(now);
  }
  now = end;
}

function bind(valid = 100): void {
  client.handleLink(now, true);
  reply(ADVERTISE, association(valid));
  pass(1_200);
  reply(REPLY, association(valid));
  expect(client.state).toBe('bound');
}

test('addresses are had by four messages, with DNS servers and domains', () => {
  client.handleLink(now, true);
  expect(sent.at(-1)).toMatchObject({ type: SOLICIT });
  reply(ADVERTISE, association(100));
  expect(sent).toHaveLength(1);
  // Whoever is preferred more may come later, within the first second.
  reply(ADVERTISE, [...association(100, 0, 0, 'fd90::60'), ...option(7, 10)], { server: [0, 3, 0, 1, 5] });
  reply(ADVERTISE, association(100, 0, 0, 'fd90::70'), { server: [0, 3, 0, 1, 6] });
  pass(1_200);
  expect(sent.at(-1)).toMatchObject({ type: REQUEST });
  expect([...sent.at(-1)!.options.get(2)!]).toEqual([0, 3, 0, 1, 5]);
  const dns = [...option(23, ...parseIpv6('fd90::53')!), ...option(24, 3, 108, 97, 98, 4, 116, 101, 115, 116, 0)];
  reply(REPLY, [...association(100, 0, 0, 'fd90::60'), ...dns]);
  expect(client.state).toBe('requesting');
  reply(REPLY, [...association(100, 0, 0, 'fd90::60'), ...dns], { server: [0, 3, 0, 1, 5] });
  expect(told[0]?.lease).toMatchObject({
    addresses: [{ address: 'fd90::60', valid: 100 }],
    server: 'fe80::fe',
    renewAt: now + 50_000,
    rebindAt: now + 80_000,
    expiresAt: now + 100_000,
  });
  expect([client.dns, client.search]).toEqual([['fd90::53'], ['lab.test']]);
});

test('by two, when the server is that quick, and never without its word', () => {
  client.handleLink(now, true);
  reply(REPLY, association(100));
  expect(client.lease).toBeUndefined();
  reply(REPLY, [...association(100), ...option(14)]);
  expect(client.lease?.addresses).toMatchObject([{ address: ADDRESS }]);
});

test.each([
  ['another transaction', association(100), { transaction: 77 }],
  ['another client', association(100), { client: [0, 3, 0, 1, 9, 9, 9, 9, 9, 9] }],
  ['no server', association(100), { server: [] }],
  ['no addresses left', option(13, 0, 2), {}],
  ['a link-local address', association(100, 0, 0, 'fe80::9'), {}],
  ['a group', association(100, 0, 0, 'ff02::9'), {}],
  ['times that cannot be', association(100, 90, 50), {}],
  ['another association', option(3, 9, 9, 9, 9, ...u32(0), ...u32(0)), {}],
  ['an option that is cut off', [0, 3, 0, 99, 1], {}],
] as const)('an advertisement with %s is passed over', (_, body, given) => {
  client.handleLink(now, true);
  reply(ADVERTISE, body, given as Parameters<typeof reply>[2]);
  pass(1_500);
  expect(sent.map(({ type }) => type)).toEqual([SOLICIT, SOLICIT]);
});

test('nothing is sent before the TAP has an address to send from', () => {
  linkLocal = undefined;
  client.handleLink(now, true);
  pass(1_900);
  expect(sent).toEqual([]);
  linkLocal = OWN;
  pass(600);
  expect(sent).toHaveLength(1);
});

describe('a lease', () => {
  test('is renewed, then rebound, and ends', () => {
    bind();
    const begun = now;
    pass(50_500);
    expect(sent.at(-1)?.type).toBe(RENEW);
    expect([...sent.at(-1)!.options.get(2)!]).toEqual(SERVER);
    now = begun + 80_500;
    client.handleTimeout(now);
    expect(sent.at(-1)?.type).toBe(REBIND);
    expect(sent.at(-1)!.options.has(2)).toBe(false);
    pass(21_000);
    expect(told.at(-1)).toEqual({ lease: undefined, cause: 'the lease has expired' });
    expect(sent.at(-1)?.type).toBe(SOLICIT);
  });

  test('goes on with the times of the answer', () => {
    bind();
    pass(51_000);
    reply(REPLY, association(500, 20, 30));
    expect(client.lease).toMatchObject({ renewAt: now + 20_000, rebindAt: now + 30_000, expiresAt: now + 500_000 });
  });

  test.each([
    ['that the server does not know', option(3, ...MAC.subarray(2), ...u32(0), ...u32(0), ...option(13, 0, 3))],
    ['that is taken back', association(0)],
  ])('%s is gone', (_, body) => {
    bind();
    pass(51_000);
    reply(REPLY, body);
    expect(client.lease).toBeUndefined();
    expect(sent.at(-1)?.type).toBe(SOLICIT);
  });

  test('is confirmed with the next link, used on without an answer, and gone where it does not belong', () => {
    bind(10_000);
    client.handleLinkLost();
    pass(1_000);
    client.handleLink(now, true);
    expect(sent.at(-1)?.type).toBe(CONFIRM);
    pass(20_000);
    expect(client.state).toBe('bound');
    client.handleLink(now, true);
    reply(REPLY, option(13, 0, 0));
    expect(client.state).toBe('bound');
    client.handleLink(now, true);
    reply(REPLY, option(13, 0, 4));
    expect(client.lease).toBeUndefined();
  });

  test('is given back', () => {
    bind();
    client.release(now);
    expect(sent.at(-1)?.type).toBe(RELEASE);
    expect(client.pollTimeout()).toBe(Number.POSITIVE_INFINITY);
  });
});

test('only other settings are asked for when no addresses are wanted', () => {
  client.handleLink(now, false);
  expect(sent.at(-1)?.type).toBe(INFORMATION);
  expect(sent.at(-1)!.options.has(3)).toBe(false);
  reply(REPLY, option(23, ...parseIpv6('fd90::53')!));
  expect(client.dns).toEqual(['fd90::53']);
  expect(client.state).toBe('informed');
});

describe('router advertisements', () => {
  const head = [134, 0, 0, 0, 64, 0xc0, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 0];
  const frame = (message: readonly number[], source = ROUTER) =>
    icmp6Frame({ sourceMac: MAC, destinationMac: MAC, source, destination: OWN }, Uint8Array.from(message));

  test('say who they are, for how long, and which DNS servers there are', () => {
    const rdnss = [25, 5, 0, 0, ...u32(60), ...parseIpv6('fd90::53')!, ...parseIpv6('fe80::53')!];
    const dnssl = [31, 3, 0, 0, ...u32(0xffff_ffff), 3, 108, 97, 98, 4, 116, 101, 115, 116, 0, 0, 0, 0, 0, 0, 0];
    expect(parseAdvertisement(frame([...head, ...rdnss, ...dnssl.slice(0, 24)]))).toEqual({
      router: 'fe80::fe',
      managed: true,
      other: true,
      lifetime: 1800,
      dns: [{ value: 'fd90::53', seconds: 60 }],
      search: [{ value: 'lab.test', seconds: Number.POSITIVE_INFINITY }],
    });
  });

  test.each([
    ['comes from afar', frame(head, parseIpv6('fd90::1')!)],
    ['has an option without length', frame([...head, 1, 0, 0, 0, 0, 0, 0, 0])],
    ['has an option that is cut off', frame([...head, 1, 2, 0, 0, 0, 0, 0, 0])],
    ['is too short', frame(head.slice(0, 12))],
    ['is something else', frame([135, ...head.slice(1)])],
    ['has been routed', hops(frame(head), 64)],
    ['has a broken checksum', broken(frame(head))],
  ])('one that %s is none', (_, bytes) => {
    expect(parseAdvertisement(frame(head))).toBeDefined();
    expect(parseAdvertisement(bytes)).toBeUndefined();
  });

  test('are asked for from nobody in particular', () => {
    const sentFrame = solicitation(MAC);
    expect([...sentFrame.subarray(0, 6)]).toEqual([0x33, 0x33, 0, 0, 0, 2]);
    expect(sentFrame.subarray(22, 38).every((byte) => byte === 0)).toBe(true);
    expect(sentFrame[54]).toBe(133);
  });
});

function hops(frame: Uint8Array, limit: number): Uint8Array {
  frame[21] = limit;
  return frame;
}

function broken(frame: Uint8Array): Uint8Array {
  frame[60]! ^= 1;
  return frame;
}
