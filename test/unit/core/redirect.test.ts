import { describe, expect, test } from 'vitest';
import { PUNT_REDIRECT } from '../../../engine/core.ts';
import { redirectAnswer } from '../../../engine/hub/redirect.ts';
import { BUILDS, Rig } from './rig.ts';

const URL_TEXT = 'http://portal.example/';
const DATA = [...new TextEncoder().encode('GET / HTTP/1.1\r\n\r\n')];

function segment(ipv6: boolean, flags: number, data: readonly number[], padding = 0): Uint8Array<ArrayBuffer> {
  const tcp = [0x9c, 0x40, 0, 80, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 7, 0x50, flags, 1, 0, 0, 0, 0, 0, ...data];
  const six = (last: number) => [0xfd, ...new Array(14).fill(0), last];
  const ip = ipv6
    ? [0x60, 0, 0, 0, 0, tcp.length, 6, 64, ...six(1), ...six(2)]
    : [0x45, 0, 0, 20 + tcp.length, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
  const type = ipv6 ? [0x86, 0xdd] : [8, 0];
  return Uint8Array.from([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, ...type, ...ip, ...tcp, ...new Array(padding).fill(0)]);
}

/** The ones' complement sum of RFC 1071 of all words, as a remainder: a right checksum makes it 0. */
function remainder(bytes: Iterable<number>): number {
  return [...bytes].reduce((sum, byte, i) => sum + (i % 2 === 0 ? byte * 256 : byte), 0) % 0xffff;
}

describe.each(BUILDS)('%s: a rule that redirects', (build) => {
  const open = () => {
    const rig = new Rig(build);
    const hub = rig.core.openSwitch(0);
    rig.core.setAccessList(hub, [
      { priority: 2, action: 'pass', protocol: 6, toPorts: { first: 80, last: 80 }, redirect: URL_TEXT },
      { priority: 1, action: 'pass', protocol: 17 },
    ]);
    return { rig, hub, a: rig.session(hub), b: rig.session(hub) };
  };

  test.each([false, true])('a request is answered and dropped; IPv6: %s', (ipv6) => {
    const { rig, a, b } = open();
    a.send(segment(ipv6, 0x18, DATA, 6));
    expect(b.take()).toHaveLength(0);
    expect(rig.core.portCounters(a.port).drops).toEqual({ 'access-list': 1 });
    const [punted, ...others] = rig.core.takePunted();
    expect(others).toEqual([]);
    expect(punted).toMatchObject({ kind: PUNT_REDIRECT, port: a.port, redirect: { rule: 1, layer4: ipv6 ? 54 : 34 } });
    const answer = redirectAnswer(punted!.frame, punted!.redirect!.layer4, URL_TEXT)!;
    const at = punted!.redirect!.layer4;
    const view = new DataView(answer.buffer);
    expect([...answer.subarray(0, 12)]).toEqual([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2]);
    expect([view.getUint16(at), view.getUint16(at + 2), view.getUint32(at + 4)]).toEqual([80, 40_000, 7]);
    // Over the end of the numbers, and without the padding.
    expect(view.getUint32(at + 8)).toBe(DATA.length - 1);
    const addresses = answer.subarray(ipv6 ? 22 : 26, at);
    expect(
      remainder([...addresses, 0, 6, (answer.length - at) >> 8, (answer.length - at) & 255, ...answer.subarray(at)]),
    ).toBe(0);
    if (!ipv6) expect(remainder(answer.subarray(14, at))).toBe(0);
    expect(new TextDecoder().decode(answer.subarray(at + 20))).toContain(`302 Found\r\nLocation: ${URL_TEXT}\r\n`);
    expect(rig.core.inject(a.port, answer, rig.now)).toBe(true);
    expect(a.take()).toEqual([answer]);
  });

  test.each([
    ['SYN', 0x02, []],
    ['SYN and ACK with data', 0x12, DATA],
    ['RST', 0x14, DATA],
    ['URG', 0x30, DATA],
    ['no ACK', 0x08, DATA],
    ['no data', 0x10, []],
  ])('%s passes', (_name, flags, data) => {
    const { rig, a, b } = open();
    a.send(segment(false, flags, data, 6));
    expect(b.take()).toHaveLength(1);
    expect(rig.core.hasPunted).toBe(false);
  });

  test('at most 15 are handed over in a turn, for probes have places too, and none passes', () => {
    const { rig, a, b } = open();
    a.send(...Array.from({ length: 40 }, () => segment(false, 0x18, DATA)));
    expect(b.take()).toHaveLength(0);
    expect(rig.core.takePunted()).toHaveLength(15);
  });
});
