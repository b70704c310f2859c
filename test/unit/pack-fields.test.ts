import { describe, expect, it } from 'vitest';
import { getAddress, putAddress } from '../../engine/pack/address.ts';
import { PackBuilder } from '../../engine/pack/builder.ts';
import { decodePack } from '../../engine/pack/decode.ts';
import { encodePack } from '../../engine/pack/encode.ts';
import { formatIpv6, parseIpv4, parseIpv6 } from '../../engine/pack/ip-text.ts';
import { fromTime64, toTime64 } from '../../engine/pack/time64.ts';
import { toHex, vectors } from './pack-vectors.ts';

describe('address fields', () => {
  it('put the octets of IPv4 in reversed order on the wire', () => {
    const pack = putAddress(new PackBuilder(), 'F', '10.99.0.200').build();
    expect(toHex(encodePack(pack))).toContain('c800630a');
    expect(pack.elements.map((element) => element.name)).toEqual([
      'F',
      'F@ipv6_array',
      'F@ipv6_bool',
      'F@ipv6_scope_id',
    ]);
    expect(getAddress(pack, 'F')).toBe('10.99.0.200');
  });

  it('are the same bytes as a real client sends', () => {
    const login = vectors('session-real-client.txt')[1]!.bytes;
    const own = toHex(encodePack(putAddress(new PackBuilder(), 'ClientIpAddress', '10.99.0.200').build())).slice(8);
    const real = toHex(login);
    // The real client has ClientIpAddress6 in between, by the order of names.
    expect(real).toContain(own.slice(0, 2 * (4 + 15 + 8 + 4)));
    expect(real).toContain(own.slice(2 * (4 + 15 + 8 + 4)));
  });

  it('carry IPv6 and rows', () => {
    const addresses = ['192.0.2.1', '2001:db8::1', '::'];
    const pack = putAddress(new PackBuilder(), 'Ip', addresses).build();
    expect(addresses.map((_, index) => getAddress(pack, 'Ip', index))).toEqual(addresses);
    expect(getAddress(pack, 'Ip', 3)).toBeUndefined();
    expect([pack.int('Ip', 1), pack.int('Ip@ipv6_bool', 1), pack.int('Ip@ipv6_bool', 0)]).toEqual([0, 1, 0]);
  });

  it('take an IPv4-mapped address for IPv4', () => {
    expect(getAddress(putAddress(new PackBuilder(), 'F', '::ffff:10.0.0.1').build(), 'F')).toBe('10.0.0.1');
  });

  it('need only the INT for IPv4, and 16 bytes for IPv6', () => {
    expect(getAddress(new PackBuilder().int('F', 0x0100007f).build(), 'F')).toBe('127.0.0.1');
    expect(getAddress(new PackBuilder().build(), 'F')).toBeUndefined();
    const bad = new PackBuilder().int('F', 1).int('F@ipv6_bool', 1).data('F@ipv6_array', new Uint8Array(15)).build();
    expect(getAddress(bad, 'F')).toBeUndefined();
  });

  it('refuse what is no address', () => {
    for (const text of ['', 'host', '1.2.3', '1.2.3.256', '01.2.3.4', '1::2::3', '12345::', 'fe80::1%eth0']) {
      expect(() => putAddress(new PackBuilder(), 'F', text), text).toThrow(RangeError);
    }
  });
});

describe('IP text', () => {
  it.each([
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['::ffff:1.2.3.4', '::ffff:1.2.3.4'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
  ])('%s is %s', (text, canonical) => expect(formatIpv6(parseIpv6(text)!)).toBe(canonical));

  it.each([
    '',
    ':',
    ':::',
    '1',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    '1.2.3.4::',
    'g::',
    '::1.2.3',
  ])('%j is not IPv6', (text) => expect(parseIpv6(text)).toBeUndefined());

  it.each(['1.2.3.4.5', '1.2.3.', '+1.2.3.4', '1.2.3.0x4', ' 1.2.3.4'])('%j is not IPv4', (text) =>
    expect(parseIpv4(text)).toBeUndefined());
});

describe('times', () => {
  it('are nine hours early, as a real server has them', () => {
    const bytes = vectors('admin-rpc.txt').find((each) => each.title.includes('EnumHub'))!.bytes;
    const decoded = decodePack(bytes);
    if (!decoded.ok) throw new Error(decoded.cause);
    const value = decoded.pack.int64('CreatedTime');
    expect(value).toBe(0x1a2025e9345n);
    expect(fromTime64(value)).toBe(0x1a2025e9345 + 9 * 3600 * 1000);
    expect(toTime64(fromTime64(value))).toBe(value);
  });

  it('are not set as 0', () => {
    expect([toTime64(undefined), fromTime64(0n), fromTime64(2n ** 64n - 1n)]).toEqual([0n, undefined, undefined]);
  });

  it('refuse what is no time', () => {
    for (const utc of [Number.NaN, 1.5, 0, -1, Number.POSITIVE_INFINITY])
      expect(() => toTime64(utc)).toThrow(RangeError);
  });
});
