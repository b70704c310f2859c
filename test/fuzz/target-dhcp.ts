import { parseAdvertisement } from '../../engine/dhcp/advertisement.ts';
import { Dhcp4, type Lease4 } from '../../engine/dhcp/client4.ts';
import { Dhcp6, type Lease6 } from '../../engine/dhcp/client6.ts';
import { icmp6Frame, parseUdp, udp4Frame, udp6Frame } from '../../engine/dhcp/datagram.ts';
import { parseIpv4, parseIpv6 } from '../../engine/pack/ip-text.ts';
import { answer, lease, SERVER } from '../unit/dhcp/model4.ts';
import { check, type Target, words } from './target.ts';

const MAC = Uint8Array.of(2, 1, 2, 3, 4, 5);
const OFFER = 2;
const ACK = 5;
const NAK = 6;
/** Every number that the clients draw: an answer to one run fits every other. */
const DRAWN = 0x0101_0101;
const random = (count: number): Uint8Array => new Uint8Array(count).fill(1);
const NAME = /^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/;

/** Frames to a DHCP client, in each state that it takes them in. */
export function dhcp4Target(): Target {
  const question = { transaction: DRAWN, mac: MAC.join(':') };
  const more = [
    [15, [...text('lab.test')]],
    [26, [5, 120]],
    [119, [3, ...text('lab'), 4, ...text('test'), 0, 4, ...text('more'), 0xc0, 4]],
    [121, [8, 10, 10, 9, 0, 7, 0, 10, 9, 0, 8, 24, 192, 0, 2, 0, 0, 0, 0]],
    [52, [3]],
    [58, [0, 0, 0, 20]],
    [59, [0, 0, 0, 40]],
  ] as const;
  const made = (type: number, ...options: readonly (readonly [number, readonly number[]])[]) =>
    new Uint8Array(answer(question, { type, address: '10.9.0.50', options: lease(100, ...options) ?? [] }));
  return {
    name: 'dhcp4',
    cost: 16,
    seeds: [made(OFFER), made(ACK), made(NAK), made(OFFER, ...more), made(ACK, ...more)],
    words: words('\x35\x01\x05', '\x34\x01\x03', '\x79\x00', '\x77\x02\xc0\x00', '\x33\x04\xff\xff\xff\xff', '\xff'),
    maxBytes: 1_600,
    repair: (rng, bytes) => (rng.oneIn(8) ? new Uint8Array(bytes) : whole4(bytes)),
    run(input) {
      for (const state of ['selecting', 'requesting', 'renewing', 'rebooting'] as const) {
        const before = input.slice();
        const seen: (Lease4 | undefined)[] = [];
        let sent = 0;
        const client = new Dhcp4({
          ...{ mac: MAC, random, send: () => sent++, touch: () => {} },
          changed: (found) => seen.push(found),
        });
        client.handleLink(1_000);
        if (state !== 'selecting') client.handleFrame(made(OFFER), 1_000);
        if (state === 'renewing' || state === 'rebooting') client.handleFrame(made(ACK), 1_000);
        if (state === 'renewing') client.handleTimeout(51_000);
        if (state === 'rebooting') client.handleLink(51_000);
        check(client.state === state, `${client.state} is not ${state}`);
        client.handleFrame(input, 60_000);
        check(Buffer.compare(before, input) === 0, 'the input was changed');
        for (const found of seen) if (found !== undefined) checkLease4(found);
        for (let i = 0; i < 5 && Number.isFinite(client.pollTimeout()); i++) {
          const due = Math.max(60_000, client.pollTimeout());
          client.handleTimeout(due);
          check(client.pollTimeout() > due, 'its deadline does not move');
        }
        check(sent < 20, 'it talks without end');
      }
    },
  };
}

/** Frames to a DHCPv6 client, and router advertisements. */
export function dhcp6Target(): Target {
  const association = [
    ...u16(3),
    ...u16(40),
    ...MAC.subarray(2),
    ...u32(20),
    ...u32(40),
    ...u16(5),
    ...u16(24),
    ...(parseIpv6('fd90::50') ?? []),
    ...u32(100),
    ...u32(100),
  ];
  const settings = [
    ...u16(23),
    ...u16(16),
    ...(parseIpv6('fd90::53') ?? []),
    ...u16(24),
    ...u16(10),
    3,
    ...text('lab'),
    4,
    ...text('test'),
    0,
  ];
  const made = (type: number, ...body: number[]) => {
    const head = [type, 1, 1, 1, ...u16(1), ...u16(10), 0, 3, 0, 1, ...MAC, ...u16(2), ...u16(6), 0, 3, 0, 1, 9, 9];
    return new Uint8Array(frame6(Uint8Array.from([...head, ...body])));
  };
  const advertisement = icmp6Frame(
    { sourceMac: MAC, destinationMac: MAC, source: parseIpv6('fe80::1')!, destination: parseIpv6('ff02::1')! },
    Uint8Array.from([
      134,
      0,
      0,
      0,
      64,
      0xc0,
      7,
      8,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      25,
      3,
      0,
      0,
      ...u32(60),
      ...(parseIpv6('fd90::53') ?? []),
    ]),
  );
  return {
    name: 'dhcp6',
    cost: 16,
    seeds: [
      made(2, ...association),
      made(7, ...association, ...settings),
      made(7, ...association, 0, 14, 0, 0),
      made(7, 0, 13, 0, 2, 0, 4),
      new Uint8Array(advertisement),
    ],
    words: words(
      '\0\x03\0\x28',
      '\0\x05\0\x18',
      '\0\x0d\0\x02\0\x03',
      '\0\x0e\0\0',
      '\xff\xff\xff\xff',
      '\x19\x03',
      '\x1f\x03',
    ),
    maxBytes: 1_600,
    repair: (rng, bytes) => (rng.oneIn(8) ? new Uint8Array(bytes) : whole6(bytes)),
    run(input) {
      const found = parseAdvertisement(input);
      if (found !== undefined) {
        check(found.dns.length <= 8 && found.search.length <= 8, 'more is kept than there is room for');
        for (const { value } of found.dns) check(parseIpv6(value) !== undefined, `${value} is no address`);
        for (const { value } of found.search) check(NAME.test(value), `${value} is no name`);
      }
      for (const state of ['soliciting', 'requesting', 'renewing', 'confirming', 'informing'] as const) {
        const seen: (Lease6 | undefined)[] = [];
        let sent = 0;
        const client = new Dhcp6({
          ...{ mac: MAC, random, send: () => sent++, touch: () => {}, linkLocal: () => parseIpv6('fe80::7') },
          changed: (each) => seen.push(each),
        });
        client.handleLink(1_000, state !== 'informing');
        if (state === 'requesting') client.handleFrame(made(2, ...association), 1_000);
        if (state === 'requesting') client.handleTimeout(2_200);
        if (state === 'renewing' || state === 'confirming')
          client.handleFrame(made(7, ...association, 0, 14, 0, 0), 1_000);
        if (state === 'renewing') client.handleTimeout(21_000);
        if (state === 'confirming') client.handleLink(21_000, true);
        check(client.state === state, `${client.state} is not ${state}`);
        client.handleFrame(input, 22_000);
        for (const each of seen) if (each !== undefined) checkLease6(each);
        for (const name of client.search) check(NAME.test(name), `${name} is no name`);
        for (let i = 0; i < 5 && Number.isFinite(client.pollTimeout()); i++) {
          const due = Math.max(22_000, client.pollTimeout());
          client.handleTimeout(due);
          check(client.pollTimeout() > due, 'its deadline does not move');
        }
        check(sent < 20, 'it talks without end');
      }
    },
  };
}

function checkLease4({
  address,
  server,
  prefix,
  routers,
  dns,
  search,
  routes,
  domain,
  mtu,
  renewAt,
  rebindAt,
  expiresAt,
}: Lease4): void {
  for (const each of [address, server, ...routers, ...dns]) {
    const bytes = parseIpv4(each);
    check(bytes !== undefined && bytes[0] !== 0 && bytes[0] !== 127 && bytes[0]! < 224, `${each} is nobody's`);
  }
  check(prefix >= 1 && prefix <= 32, `a prefix of ${prefix}`);
  check(routers.length <= 8 && dns.length <= 8 && search.length <= 6 && routes.length <= 64, 'a list is too long');
  for (const name of [...search, ...(domain === undefined ? [] : [domain])])
    check(NAME.test(name), `${name} is no name`);
  check(mtu === undefined || (mtu >= 576 && mtu <= 65_521), `an MTU of ${mtu}`);
  check(renewAt <= rebindAt && rebindAt <= expiresAt, 'its times are out of order');
  for (const { to } of routes) check(/^\d+\.\d+\.\d+\.\d+\/\d+$/.test(to), `${to} is no network`);
}

function checkLease6({ addresses, renewAt, rebindAt, expiresAt }: Lease6): void {
  check(addresses.length >= 1 && addresses.length <= 4, `${addresses.length} addresses`);
  for (const { address, preferred, valid } of addresses) {
    const bytes = parseIpv6(address);
    check(bytes !== undefined && bytes[0] !== 0xff && preferred <= Math.max(valid, 5), `${address} is nobody's`);
  }
  check(renewAt <= rebindAt && rebindAt <= Math.max(expiresAt, rebindAt), 'its times are out of order');
}

/** Makes a frame's lengths and checksums fit what is in it. */
function whole4(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(
    udp4Frame({
      ...{ sourceMac: MAC, destinationMac: MAC, sourcePort: 67, destinationPort: 68 },
      source: parseIpv4(SERVER)!,
      destination: Uint8Array.of(255, 255, 255, 255),
      payload: bytes.subarray(42),
    }),
  );
}

function whole6(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  if (bytes[20] !== 58) return new Uint8Array(frame6(bytes.subarray(62)));
  const addresses = {
    sourceMac: MAC,
    destinationMac: MAC,
    source: parseIpv6('fe80::1')!,
    destination: parseIpv6('ff02::1')!,
  };
  const message = bytes.slice(54);
  message.fill(0, 2, 4);
  return new Uint8Array(icmp6Frame(addresses, message.length < 4 ? new Uint8Array(16) : message));
}

function frame6(payload: Uint8Array): Uint8Array {
  const frame = udp6Frame({
    ...{ sourceMac: MAC, destinationMac: MAC, sourcePort: 547, destinationPort: 546 },
    source: parseIpv6('fe80::1')!,
    destination: parseIpv6('fe80::7')!,
    payload,
  });
  check(parseUdp(frame) !== undefined, 'our own frame is none');
  return frame;
}

function text(value: string): number[] {
  return [...new TextEncoder().encode(value)];
}

function u16(value: number): number[] {
  return [value >> 8, value & 255];
}

function u32(value: number): number[] {
  return [...u16(value >>> 16), ...u16(value & 0xffff)];
}
