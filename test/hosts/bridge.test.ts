import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type BridgedInterface, type HostError, type TapHandler, VNET_HEADER_BYTES } from '../../engine/host.ts';
import { BROADCAST, frame, mac } from '../sim/frames.ts';
import { enterNamespace } from '../support/namespace.ts';
import { loadHost } from '../support/runtime.ts';
import { type PacketOptions, packet, unfinished, virtioHeader } from '../unit/core/packets.ts';
import { hexes, Rig } from '../unit/core/rig.ts';
import { sleep, until } from './peers.ts';

const { bridges } = await loadHost();
const canMakeDevices = process.getuid?.() === 0 && existsSync('/dev/net/tun');
const EVERYTHING = Number.POSITIVE_INFINITY;
const PLACES = 64;
const PLACE_BYTES = 66_000;
const NO_HEADER = new Uint8Array(VNET_HEADER_BYTES);

function makeBatch() {
  const memory = new Uint8Array(new WebAssembly.Memory({ initial: 66, maximum: 66 }).buffer);
  const offsets = Uint32Array.from({ length: PLACES }, (_, i) => i * PLACE_BYTES);
  return { memory, offsets, lengths: new Uint32Array(PLACES), tags: new Uint32Array(PLACES) };
}

function ip(...words: string[]): string {
  return execFileSync('ip', words, { encoding: 'utf8' });
}

class Owner implements TapHandler {
  wakeUps = 0;
  error: HostError | undefined;
  readable(): void {
    this.wakeUps++;
  }
  failed(error: HostError): void {
    this.error = error;
  }
}

interface Got {
  readonly header: Uint8Array;
  readonly frame: Uint8Array;
  readonly tag: number;
}

/** Random bytes, so that checksums have something to go wrong in. */
function bytes(length: number, seed: number): Uint8Array<ArrayBuffer> {
  let state = seed;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state >>> 16;
  });
}

/** What the core makes of a super-frame for a peer that takes none. */
function cutByCore(whole: Uint8Array, segment: number): Uint8Array[] {
  const rig = new Rig('simd', { smallFrames: 1_024, largeFrames: 32, outBuffers: 8 });
  const hub = rig.core.openPatch();
  const tap = rig.tap(hub, { offload: true, offloadUdp: true, frameMax: 65_600 });
  const peer = rig.session(hub, { frameMax: 65_600 });
  rig.arriveWith(virtioHeader(whole, segment), tap, unfinished(whole));
  return peer.take();
}

/** A cable with both of its ends bridged: what is written to the one can be read from the other. */
describe.skipIf(!canMakeDevices)('a bridged interface', () => {
  let leave: (() => void) | undefined;
  const opened: BridgedInterface[] = [];
  const into = makeBatch();

  function open(name: string, owner = new Owner()) {
    const port = bridges!.open({ interface: name }, owner);
    opened.push(port);
    return { port, owner };
  }

  function write(port: BridgedInterface, ...frames: (readonly [header: Uint8Array, frame: Uint8Array])[]): void {
    const out = makeBatch();
    for (const [i, [header, each]] of frames.entries()) {
      out.memory.set(header, out.offsets[i]!);
      out.memory.set(each, out.offsets[i]! + VNET_HEADER_BYTES);
      out.lengths[i] = each.length + VNET_HEADER_BYTES;
    }
    expect(port.write(out, frames.length)).toBe(frames.length);
  }

  /** Frames of our stations: the kernel has something to say of its own. */
  function look(port: BridgedInterface): Got[] {
    into.lengths.fill(PLACE_BYTES);
    into.tags.fill(0);
    const got: Got[] = [];
    const count = port.read(into, PLACES, EVERYTHING);
    for (let i = 0; i < count; i++) {
      const at = into.offsets[i]!;
      const each = into.memory.slice(at + VNET_HEADER_BYTES, at + into.lengths[i]!);
      const header = into.memory.slice(at, at + VNET_HEADER_BYTES);
      if (each[6] === 2 && each[7] === 0) got.push({ header, frame: each, tag: into.tags[i]! });
    }
    return got;
  }

  async function receive(port: BridgedInterface, count: number): Promise<Got[]> {
    const all: Got[] = [];
    await until(`${count} frames`, () => {
      all.push(...look(port));
      return all.length >= count;
    });
    await sleep(5);
    return [...all, ...look(port)];
  }

  function link(name: string): { promiscuity: number; mtu: number; up: boolean } {
    const [found] = JSON.parse(ip('-j', '-d', 'link', 'show', name));
    return { promiscuity: found.promiscuity, mtu: found.mtu, up: found.flags.includes('UP') };
  }

  beforeAll(async () => {
    leave = await enterNamespace();
  });
  beforeEach(() => {
    ip('link', 'add', 'left0', 'type', 'veth', 'peer', 'name', 'right0');
    for (const name of ['left0', 'right0']) ip('link', 'set', name, 'up');
  });
  afterEach(() => {
    for (const port of opened.splice(0)) port.close();
    if (ip('link').includes('left0')) ip('link', 'delete', 'left0');
  });
  afterAll(() => leave?.());

  test('carries frames of 60 to 1514 bytes both ways, and each once', async () => {
    const { port: left } = open('left0');
    const { port: right } = open('right0');
    for (const [from, to] of [
      [left, right],
      [right, left],
    ] as const) {
      for (let length = 60; length <= 1514; length += PLACES) {
        const lengths = Array.from({ length: PLACES }, (_, i) => Math.min(1514, length + i));
        const frames = lengths.map((each) => frame(each % 2 ? BROADCAST : mac(2), mac(1), each, each));
        write(from, ...frames.map((each) => [NO_HEADER, each] as const));
        expect(hexes((await receive(to, PLACES)).map((got) => got.frame))).toEqual(hexes(frames));
      }
      // What was written is not read back.
      expect(look(from)).toEqual([]);
    }
    expect([left.lost(), right.lost()]).toEqual([{}, {}]);
  });

  test('raises its MTU for frames of up to 1600 bytes, and restores it', async () => {
    ip('link', 'set', 'right0', 'mtu', '1600');
    const { port: left } = open('left0');
    const { port: right } = open('right0');
    expect(left).toMatchObject({ mtu: 1500, frameMax: 1600 });
    const frames = Array.from({ length: 86 }, (_, i) => frame(mac(2), mac(1), 1515 + i));
    for (const each of frames) {
      write(left, [NO_HEADER, each]);
      expect(hexes((await receive(right, 1)).map((got) => got.frame))).toEqual(hexes([each]));
    }
    expect(link('left0').mtu).toBe(1586);
    expect(left.hasChanged()).toBe(false);
    for (const each of frames) {
      write(right, [NO_HEADER, each]);
      expect(hexes((await receive(left, 1)).map((got) => got.frame))).toEqual(hexes([each]));
    }
    write(left, [NO_HEADER, frame(mac(2), mac(1), 1601)], [NO_HEADER, frame(mac(2), mac(1))]);
    expect(await receive(right, 1)).toHaveLength(1);
    expect(left.lost()).toEqual({ 'too-long-for-interface': 1 });
    left.close();
    expect(link('left0').mtu).toBe(1500);
  });

  test('leaves the MTU of an interface on which the host has an address, and counts', async () => {
    ip('address', 'add', '10.77.0.1/24', 'dev', 'left0');
    const { port: left } = open('left0');
    const { port: right } = open('right0');
    expect(left).toMatchObject({ addresses: ['10.77.0.1'], hasDefaultRoute: false });
    write(left, [NO_HEADER, frame(mac(2), mac(1), 1550)], [NO_HEADER, frame(mac(2), mac(1), 1514)]);
    expect(await receive(right, 1)).toHaveLength(1);
    expect(left.lost()).toEqual({ 'too-long-for-interface': 1 });
    expect(link('left0').mtu).toBe(1500);
    ip('route', 'add', 'default', 'via', '10.77.0.2');
    left.close();
    expect(open('left0').port.hasDefaultRoute).toBe(true);
  });

  test('hands over the VLAN tag that the kernel took out, whatever its type, and lets tags pass', async () => {
    const { port: left } = open('left0');
    const { port: right } = open('right0');
    const plain = frame(mac(2), mac(1), 1514);
    for (const tag of [
      [0x81, 0, 0xe0, 5],
      [0x88, 0xa8, 0, 9],
      [0x81, 0, 0, 7, 0x81, 0, 0, 8],
    ]) {
      const tagged = Uint8Array.from([...plain.subarray(0, 12), ...tag, ...plain.subarray(12, 1514 - tag.length + 4)]);
      write(left, [NO_HEADER, tagged]);
      const [got] = await receive(right, 1);
      const outer = new Uint8Array(Uint32Array.of(got!.tag).buffer);
      const restored = Uint8Array.from([...got!.frame.subarray(0, 12), ...outer, ...got!.frame.subarray(12)]);
      expect(hexes([restored])).toEqual(hexes([tagged]));
    }
    write(left, [NO_HEADER, plain]);
    expect((await receive(right, 1))[0]).toMatchObject({ tag: 0 });
    expect(left.lost()).toEqual({});
  });

  const KINDS: [name: string, options: PacketOptions][] = [
    ['TCP over IPv4', {}],
    ['TCP over IPv6', { ipv6: true }],
    ['TCP behind a VLAN tag', { tag: 0x2005 }],
    ['UDP over IPv4', { udp: true }],
  ];

  test.each(
    KINDS,
  )('a super-frame of %s passes whole, and the kernel cuts it where the wire needs that', async (_name, options) => {
    ip('link', 'set', 'right0', 'mtu', '1600');
    const { port: left } = open('left0');
    const { port: right } = open('right0');
    const whole = packet(bytes(60_000, 7), { ...options, to: mac(2) });
    const [header, sent] = [virtioHeader(whole, 1_400), unfinished(whole)];
    write(left, [header, sent]);
    const [got] = await receive(right, 1);
    const tagBytes = options.tag === undefined ? 0 : 4;
    expect(got!.frame.length).toBe(sent.length - tagBytes);
    const said = new DataView(got!.header.buffer);
    const expected = new DataView(header.buffer);
    // Type and size of the segments, and where the checksum is.
    expect(said.getUint8(1)).toBe(expected.getUint8(1));
    expect(said.getUint16(4, true)).toBe(1_400);
    expect(said.getUint16(6, true)).toBe(expected.getUint16(6, true) - tagBytes);
    execFileSync('ethtool', [
      '-K',
      'left0',
      'tso',
      'off',
      'gso',
      'off',
      'tx',
      'off',
      'sg',
      'off',
      'tx-udp-segmentation',
      'off',
    ]);
    execFileSync('ethtool', ['-K', 'right0', 'gro', 'off']);
    write(left, [header, sent]);
    const frames = cutByCore(whole, 1_400);
    const pieces = await receive(right, frames.length);
    const restored = pieces.map(({ frame: each, tag }) =>
      tag === 0
        ? each
        : Uint8Array.from([
            ...each.subarray(0, 12),
            ...new Uint8Array(Uint32Array.of(tag).buffer),
            ...each.subarray(12),
          ]),
    );
    expect(hexes(restored)).toEqual(hexes(frames));
    expect(left.lost()).toEqual({});
  });

  test('reads every frame of the wire but those for the host itself, and only while it is open', async () => {
    const { port: left } = open('left0');
    const { port: right } = open('right0');
    expect(link('left0').promiscuity).toBe(1);
    write(right, [NO_HEADER, frame([...left.mac], mac(1))], [NO_HEADER, frame(mac(9), mac(1))]);
    expect((await receive(left, 1)).map((got) => hexes([got.frame]))).toEqual([hexes([frame(mac(9), mac(1))])]);
    left.close();
    left.close();
    expect(link('left0').promiscuity).toBe(0);
    expect(look(left)).toEqual([]);
    left.arm();
    expect(open('left0').port.mac).toEqual(left.mac);
  });

  test('wakes up once for each arm', async () => {
    const { port: left } = open('left0');
    const { port: right, owner } = open('right0');
    await sleep(50);
    while (look(right).length > 0);
    right.arm();
    const before = owner.wakeUps;
    write(left, [NO_HEADER, frame(mac(2), mac(1))]);
    await until('it woke up', () => owner.wakeUps > before);
    const after = owner.wakeUps;
    write(left, [NO_HEADER, frame(mac(2), mac(1))]);
    await sleep(50);
    expect(owner.wakeUps).toBe(after);
    expect(await receive(right, 2)).toHaveLength(2);
  });

  test('takes back an interface that it brought up', () => {
    ip('link', 'set', 'left0', 'down');
    const { port: left } = open('left0');
    expect(link('left0').up).toBe(true);
    left.close();
    expect(link('left0').up).toBe(false);
  });

  test('takes it back as well when the process ends at once', () => {
    ip('link', 'set', 'left0', 'down');
    const others = process.listeners('exit');
    const { port: left } = open('left0');
    const { port: right } = open('right0');
    for (const atExit of process.listeners('exit')) if (!others.includes(atExit)) atExit(0);
    expect(link('left0')).toMatchObject({ up: false, promiscuity: 0 });
    left.close();
    right.close();
    expect(process.listeners('exit')).toEqual(others);
  });

  test('that is down neither spins nor fails, and works again when it is up', async () => {
    const { port: left, owner } = open('left0');
    const { port: right } = open('right0');
    owner.readable = () => {
      owner.wakeUps++;
      look(left);
      left.arm();
    };
    left.arm();
    ip('link', 'set', 'left0', 'down');
    await sleep(20);
    const before = owner.wakeUps;
    write(left, [NO_HEADER, frame(mac(2), mac(1))], [NO_HEADER, frame(mac(2), mac(1))]);
    await sleep(200);
    expect(owner.wakeUps - before).toBeLessThan(4);
    expect(left.lost()).toEqual({ 'interface-down': 2 });
    ip('link', 'set', 'left0', 'up');
    let arrived = 0;
    await until('it works again', () => {
      write(left, [NO_HEADER, frame(mac(2), mac(1))]);
      arrived += look(right).length;
      return arrived > 0;
    });
    expect(owner.error).toBeUndefined();
  });

  test('that somebody removed says so once, armed or not', async () => {
    const armed = open('left0');
    const idle = open('right0');
    armed.owner.readable = () => void look(armed.port);
    armed.port.arm();
    ip('link', 'delete', 'left0');
    await until('it failed', () => armed.owner.error !== undefined);
    expect(armed.owner.error).toMatchObject({
      code: 'ENODEV',
      message: expect.stringMatching(/^interface "left0": cannot go on: /),
    });
    look(idle.port);
    await until('it failed', () => idle.owner.error !== undefined);
    write(armed.port);
    expect(armed.port.hasChanged()).toBe(true);
  });

  test('tells when it is no longer what it was', () => {
    const { port } = open('left0');
    expect(port.hasChanged()).toBe(false);
    ip('link', 'set', 'left0', 'mtu', '1400');
    expect(port.hasChanged()).toBe(true);
    port.close();
    expect(link('left0').mtu).toBe(1400);
    const again = open('left0').port;
    expect(again).toMatchObject({ mtu: 1400, frameMax: 1414 });
    ip('link', 'set', 'left0', 'address', '02:00:00:00:00:05');
    expect(again.hasChanged()).toBe(true);
  });

  test('is refused with what to do instead', () => {
    expect(() => open('no-such-if')).toThrow(
      'interface "no-such-if": cannot bridge it: there is no such interface; "ip link" shows those that there are (ENODEV).',
    );
    expect(() => open('much-too-long-a-name')).toThrow(/there is no such interface/);
    expect(() => open('lo')).toThrow(/^interface "lo": it is the loopback/);
    ip('tuntap', 'add', 'tun7', 'mode', 'tun');
    expect(() => open('tun7')).toThrow(/^interface "tun7": it does not carry Ethernet/);
    ip('link', 'delete', 'tun7');
    open('left0');
    expect(() => open('left0')).toThrow(/^interface "left0": it is bridged already/);
    ip('link', 'add', 'br7', 'type', 'bridge');
    ip('link', 'set', 'right0', 'master', 'br7');
    expect(() => open('right0')).toThrow(
      /^interface "right0": it is a port of the bridge "br7", .* a TAP without an address under `taps`, and "ip link set TAP master br7" \(EBUSY\)\.$/,
    );
    ip('link', 'delete', 'br7');
  });

  test('does not read or write outside of the memory it was given', () => {
    const { port } = open('left0');
    const batch = makeBatch();
    batch.lengths.fill(64);
    batch.offsets[2] = batch.memory.length - 10;
    expect(() => port.read(batch, 3, EVERYTHING)).toThrow(RangeError);
    expect(() => port.write(batch, 3)).toThrow(RangeError);
    expect(() => port.read(batch, PLACES + 1, EVERYTHING)).toThrow(RangeError);
  });
});
