import { describe, expect, test } from 'vitest';
import { DEFAULT_POLICY, type Policy } from '../../../engine/login/policy.ts';
import { mac } from '../../sim/frames.ts';
import { echo, ipv4, tcp, udp } from '../../support/policy-frames.ts';
import { ACK, packet } from './packets.ts';
import { BUILDS, type Peer, Rig } from './rig.ts';

/** A frame of 1514 bytes of one flow. */
function full(number: number, udpFlow = true): Uint8Array {
  return packet(new Uint8Array(udpFlow ? 1_472 : 1_460).fill(number), {
    from: mac(1),
    to: mac(2),
    udp: udpFlow,
    flags: ACK,
  });
}

const PING = Uint8Array.from(ipv4(mac(2), mac(1), [10, 0, 0, 1], 1, echo(8, 1)));

describe.each(BUILDS)('%s: limits of rates', (build) => {
  /** Two sessions that know each other's station; the first has the policy, or the second. */
  function pair(policy: Partial<Policy>, ofReceiver: boolean) {
    const rig = new Rig(build);
    const hub = rig.core.openSwitch(0);
    const [a, b] = [rig.session(hub), rig.session(hub)];
    b.send(Uint8Array.from(ipv4(mac(1), mac(2), [10, 0, 0, 2], 1, echo(0, 1))));
    a.send(PING);
    a.take();
    b.take();
    rig.core.setPolicy((ofReceiver ? b : a).port, { ...DEFAULT_POLICY, ...policy }, rig.now);
    return { rig, hub, a, b };
  }

  /** The clock goes on as the host's does: when the core wants it, and not more than once in a millisecond. */
  function step(rig: Rig, ms: number): void {
    rig.now += ms;
    if (rig.core.dueAt <= rig.now) rig.core.goOn(rig.now);
  }

  /** Offers `factor` times the limit for `ms`; bytes of each 100 ms that arrived, and pings among them with their delay. */
  function run(rig: Rig, a: Peer, b: Peer, limit: number, factor: number, ms: number) {
    const spans: number[] = [];
    const pings: number[] = [];
    let offered = 0;
    let pinged = Number.NaN;
    for (let t = 0; t < ms; t++) {
      offered += (limit / 8_000) * factor;
      while (offered >= 1_514) {
        a.send(full(t & 255));
        offered -= 1_514;
      }
      if (t % 50 === 25) {
        a.send(PING);
        pinged = t;
      }
      step(rig, 1);
      for (const frame of b.take()) {
        if (frame.length === PING.length) pings.push(t - pinged);
        else spans[Math.floor(t / 100)] = (spans[Math.floor(t / 100)] ?? 0) + frame.length;
      }
    }
    return { spans, pings };
  }

  test.each([
    ['upload', 'MaxUpload', 1_000_000],
    ['upload', 'MaxUpload', 4_000_000],
    ['download', 'MaxDownload', 1_000_000],
    ['download', 'MaxDownload', 4_000_000],
  ] as const)('%s: twice of %s %i gives that much, evenly, and pings do not wait', (_way, field, limit) => {
    const { rig, a, b } = pair({ [field]: limit }, field === 'MaxDownload');
    const { spans, pings } = run(rig, a, b, limit, 2, 1_000);
    const all = spans.reduce((sum, each) => sum + each, 0);
    const due = limit / 8;
    expect(all).toBeLessThanOrEqual(due * 1.02 + 2 * 1_514);
    expect(all).toBeGreaterThanOrEqual(due * 0.97);
    // No second begins with all of it: each tenth has about the same.
    for (const span of spans.slice(1)) {
      expect(span).toBeGreaterThan(due / 10 - 2 * 1_514);
      expect(span).toBeLessThan(due / 10 + 2 * 1_514);
    }
    expect(pings).toHaveLength(20);
    expect(Math.max(...pings)).toBe(0);
    const { drops } = rig.core.portCounters(field === 'MaxUpload' ? a.port : b.port);
    expect(drops['rate-limit'] ?? 0).toBeGreaterThan(0);
  });

  test('below the limit nothing is lost', () => {
    for (const field of ['MaxUpload', 'MaxDownload'] as const) {
      const { rig, a, b } = pair({ [field]: 5_000_000 }, field === 'MaxDownload');
      const { spans } = run(rig, a, b, 5_000_000, 0.9, 1_000);
      for (let i = 0; i < 100; i++) step(rig, 1);
      const late = b.take().length * 1_514;
      expect(spans.reduce((sum, each) => sum + each, late)).toBe(Math.floor(((5_000_000 / 8) * 0.9) / 1_514) * 1_514);
    }
  });

  test('what is uploaded waits for 60 ms at most, in its order, and the end of a flow behind it', () => {
    const { rig, a, b } = pair({ MaxUpload: 10_000_000 }, false);
    const frames = Array.from({ length: 200 }, (_, i) => full(i, false));
    a.send(...frames, packet(new Uint8Array(0), { from: mac(1), to: mac(2), flags: 0x11 }));
    const got: number[] = [];
    let last = 0;
    for (let t = 0; t <= 100; t++) {
      for (const frame of b.take()) {
        got.push(frame.length === 54 ? -1 : frame.at(-1)!);
        last = t;
      }
      step(rig, 1);
    }
    // 20 ms of the limit at once, 60 that wait.
    expect(got.length).toBe(Math.ceil((80 * 1_250) / 1_514) + 1);
    expect(got).toEqual([...got.slice(0, -1).keys(), -1]);
    expect(last).toBeLessThanOrEqual(63);
    expect(rig.core.dueAt).toBe(Number.POSITIVE_INFINITY);
  });

  test('of flows to a session each gets its share, however much the others are', () => {
    const { rig, a, b } = pair({ MaxDownload: 10_000_000 }, true);
    const few = (n: number) =>
      Uint8Array.from(ipv4(mac(2), mac(1), [10, 0, 0, 1], 17, udp(9, 9, [n, ...new Array(150).fill(0)])));
    let arrived = 0;
    for (let t = 0; t < 500; t++) {
      for (let i = 0; i < 4; i++) a.send(full(i));
      if (t % 10 === 0) a.send(few(t & 255));
      step(rig, 1);
      arrived += b.take().filter((frame) => frame.length < 1_000).length;
    }
    expect(arrived).toBe(50);
  });

  test('priority frames count, and more of them than the limit have to wait', () => {
    const rig = new Rig(build);
    const hub = rig.core.openSwitch(0);
    const [a, b] = [rig.session(hub), rig.session(hub, { qos: true })];
    rig.core.setPolicy(b.port, { ...DEFAULT_POLICY, MaxDownload: 2_000_000 }, rig.now);
    let bytes = 0;
    for (let t = 0; t < 1_000; t++) {
      a.send(packet(new Uint8Array(1_000), { from: mac(1), to: [255, 255, 255, 255, 255, 255], udp: true, tos: 0xb8 }));
      step(rig, 1);
      bytes += b.take().reduce((sum, frame) => sum + frame.length, 0);
    }
    expect(bytes).toBeLessThan(250_000 * 1.05);
    expect(bytes).toBeGreaterThan(250_000 * 0.95);
  });

  test('ARP, ICMP, DHCP and what opens a flow pass a limit that is used up', () => {
    const { rig, a, b } = pair({ MaxUpload: 8_000 }, false);
    a.send(...Array.from({ length: 20 }, (_, i) => full(i)));
    b.take();
    a.send(PING, Uint8Array.from(ipv4(mac(2), mac(1), [10, 0, 0, 1], 6, tcp(0x02, 1))));
    expect(b.take()).toHaveLength(2);
    a.send(Uint8Array.from(ipv4(mac(2), mac(1), [10, 0, 0, 1], 6, tcp(0x10, 1))));
    expect(b.take()).toEqual([]);
    rig.core.closePort(a.port);
    expect(rig.core.dueAt).toBe(Number.POSITIVE_INFINITY);
    rig.core.closePort(b.port);
    expect(rig.core.buffersFree).toBe(rig.core.buffersTotal);
  });

  test('rules delay frames by what they say, with jitter, and lose their share', () => {
    const { rig, hub, a, b } = pair({}, false);
    rig.core.setAccessList(hub, [{ priority: 1, action: 'pass', protocol: 17, delay: 200, jitter: 50, loss: 30 }]);
    for (let i = 0; i < 200; i++) a.send(full(i));
    const delays: number[] = [];
    for (let t = 0; t <= 310; t++) {
      for (const _ of b.take()) delays.push(t);
      step(rig, 1);
    }
    expect(delays.length).toBeGreaterThan(105);
    expect(delays.length).toBeLessThan(175);
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(100);
    expect(Math.max(...delays)).toBeLessThanOrEqual(301);
    expect(Math.max(...delays) - Math.min(...delays)).toBeGreaterThan(150);
    expect(rig.core.portCounters(a.port).drops).toEqual({ 'access-list': 200 - delays.length });
  });
});

describe.each(BUILDS)('%s: more than there is room for', (build) => {
  test('rules beyond what a hub and all hubs may have are refused with the limit', () => {
    const { core } = new Rig(build);
    const rules = (count: number) => Array.from({ length: count }, () => ({ priority: 1, action: 'discard' }) as const);
    const hubs = Array.from({ length: 5 }, () => core.openSwitch(0));
    expect(() => core.setAccessList(hubs[0]!, rules(1_025))).toThrow('at most 1024 of one hub, got 1025');
    for (const hub of hubs.slice(0, 4)) core.setAccessList(hub, rules(1_024));
    expect(() => core.setAccessList(hubs[4]!, rules(1))).toThrow('at most 4096 of all hubs, got 4097');
    core.setAccessList(hubs[1]!, []);
    core.setAccessList(hubs[4]!, rules(1_024));
  });

  test('who floods the table of IP addresses loses his own, and others keep theirs', () => {
    const rig = new Rig(build);
    const hub = rig.core.openSwitch(0);
    const [a, b, c] = [rig.session(hub), rig.session(hub), rig.session(hub)];
    const frame = (station: number, ip: number[]) =>
      Uint8Array.from(ipv4([255, 255, 255, 255, 255, 255], mac(station), ip, 0xfd, [0]));
    rig.core.setPolicy(c.port, { ...DEFAULT_POLICY, CheckIP: true }, rig.now);
    a.send(frame(1, [10, 0, 0, 1]));
    for (let i = 0; i < 70_000; i += 100) {
      b.send(
        ...Array.from({ length: 100 }, (_, k) =>
          frame(2, [10, 1 + ((i + k) >> 16), ((i + k) >> 8) & 255, (i + k) & 255]),
        ),
      );
      rig.drain();
    }
    for (const peer of [a, b, c]) peer.take();
    c.send(frame(3, [10, 0, 0, 1]));
    expect(a.take()).toEqual([]);
    // The oldest of b's are forgotten, the last are not.
    c.send(frame(3, [10, 1, 0, 0]));
    expect(a.take()).toHaveLength(1);
    c.send(frame(3, [10, 2, 4447 >> 8, 4447 & 255]));
    expect(c.drops).toEqual({ 'known-elsewhere': 2 });
  });
});
