import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Tap, VNET_HEADER_BYTES } from '../../engine/host.ts';
import { enterNamespace } from '../support/namespace.ts';
import { loadHost } from '../support/runtime.ts';
import { ACK, CWR, FIN, type PacketOptions, PSH, packet, unfinished, virtioHeader } from '../unit/core/packets.ts';
import { hexes, Rig } from '../unit/core/rig.ts';
import { sleep, until } from './peers.ts';

const { taps } = await loadHost();
const canMakeDevices = process.getuid?.() === 0 && existsSync('/dev/net/tun');
const EVERYTHING = Number.POSITIVE_INFINITY;
const PLACES = 64;
const PLACE_BYTES = 66_000;
const SIZES = { smallFrames: 1_024, largeFrames: 32, outBuffers: 8 };
const STAMP = [1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 3];

/** Random bytes, so that checksums have something to go wrong in. */
function bytes(length: number, seed: number): Uint8Array<ArrayBuffer> {
  let state = seed;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state >>> 16;
  });
}

function makeBatch() {
  const memory = new Uint8Array(new WebAssembly.Memory({ initial: 66, maximum: 66 }).buffer);
  const offsets = Uint32Array.from({ length: PLACES }, (_, i) => i * PLACE_BYTES);
  return { memory, offsets, lengths: new Uint32Array(PLACES) };
}

/** What the core makes of a super-frame for a peer that takes none. */
function cutByCore(frame: Uint8Array, segment: number): Uint8Array[] {
  const rig = new Rig('simd', SIZES);
  const hub = rig.core.openPatch();
  const tap = rig.tap(hub, { offload: true, offloadUdp: true, frameMax: 65_600 });
  const peer = rig.session(hub, { frameMax: 65_600 });
  rig.arriveWith(virtioHeader(frame, segment), tap, unfinished(frame));
  return peer.take();
}

/** What the core writes to a TAP for frames of a peer: the frames, and the headers in front of them. */
function joinedByCore(frames: readonly Uint8Array[]): { frames: Uint8Array[]; headers: Uint8Array[] } {
  const rig = new Rig('simd', SIZES);
  const hub = rig.core.openPatch();
  const tap = rig.tap(hub, { offload: true, offloadUdp: true, frameMax: 65_600 });
  rig.session(hub).send(...frames);
  rig.drain();
  return { headers: rig.takeHeaders(tap), frames: rig.takeDelivered(tap) };
}

/** Two TAPs with a bridge between them. The second takes whole frames only: what is given to the first, the kernel cuts. */
describe.skipIf(!canMakeDevices)('the kernel', () => {
  let leave: (() => void) | undefined;
  let left: Tap;
  let right: Tap;
  const into = makeBatch();

  beforeAll(async () => {
    leave = await enterNamespace();
    const owner = { readable: () => {}, failed: () => {} };
    left = taps.open({ name: 'left0', addresses: [], mtu: 9_000 }, owner);
    right = taps.open({ name: 'right0', addresses: [], mtu: 9_000, offload: false }, owner);
    const ip = (...words: string[]) => execFileSync('ip', words);
    ip('link', 'add', 'bridge0', 'mtu', '9000', 'type', 'bridge', 'mcast_snooping', '0');
    for (const name of ['left0', 'right0']) ip('link', 'set', name, 'master', 'bridge0');
    ip('link', 'set', 'bridge0', 'up');
  });
  afterAll(() => {
    left?.close();
    right?.close();
    leave?.();
  });

  /** Frames of the second TAP that are ours, until there are so many of them, and a little longer. */
  async function receive(count: number): Promise<Uint8Array[]> {
    const frames: Uint8Array[] = [];
    const look = (): void => {
      into.lengths.fill(PLACE_BYTES);
      const got = right.read(into, PLACES, EVERYTHING);
      for (let i = 0; i < got; i++) {
        const at = into.offsets[i]!;
        const frame = into.memory.slice(at + VNET_HEADER_BYTES, at + into.lengths[i]!);
        // From our station: the kernel has something to say of its own.
        if (frame[6] === 2 && frame[11] === 1 && frame[7] === 0) frames.push(frame);
      }
    };
    await until(`${count} frames`, () => {
      look();
      return frames.length >= count;
    });
    await sleep(5);
    look();
    return frames;
  }

  function write(frame: Uint8Array, header: Uint8Array): void {
    const out = makeBatch();
    out.memory.set(header);
    out.memory.set(frame, VNET_HEADER_BYTES);
    out.lengths[0] = frame.length + VNET_HEADER_BYTES;
    expect(left.write(out, 1)).toBe(1);
    expect((left as Tap & { refused: number }).refused).toBe(0);
  }

  const KINDS: [name: string, options: PacketOptions][] = [
    ['TCP over IPv4', {}],
    ['TCP over IPv4 that may be fragmented', { dontFragment: false, id: 0xfffd }],
    ['TCP over IPv6', { ipv6: true, tos: 3 }],
    ['TCP with time stamps', { options: STAMP, tos: 0x28 }],
    ['TCP with IPv4 options', { ipOptions: 8 }],
    ['TCP behind a VLAN tag', { tag: 0x2005 }],
    ['TCP over IPv6 behind a VLAN tag', { tag: 0xe001, ipv6: true, options: STAMP }],
    ['TCP with PSH and FIN', { flags: ACK | PSH | FIN }],
    ['TCP with CWR', { flags: ACK | CWR | PSH }],
    ['TCP with CWR and ECE over IPv6', { flags: ACK | CWR | 0x40, ipv6: true }],
    ['UDP over IPv4', { udp: true, id: 0xffff }],
    ['UDP over IPv6', { udp: true, ipv6: true }],
    ['UDP behind a VLAN tag', { udp: true, tag: 9 }],
  ];

  test.each(KINDS)('%s is cut to the byte as the kernel cuts it', async (_name, options) => {
    for (const [length, segment] of [
      [9_001, 1_448],
      [1_448 * 4, 1_448],
      [1_449, 1_448],
      [5_000, 101],
      [60_000, 1_400],
    ] as const) {
      const frame = packet(bytes(length, length), { ...options, sequence: 0xffff_e000 });
      write(unfinished(frame), virtioHeader(frame, segment));
      const ours = cutByCore(frame, segment);
      expect(hexes(await receive(ours.length)), `${length} / ${segment}`).toEqual(hexes(ours));
    }
  });

  test.each(KINDS)('the checksum of %s is what the kernel makes it', async (_name, options) => {
    for (let length = 1; length < 40; length++) {
      const frame = packet(bytes(length, length), options);
      write(unfinished(frame), virtioHeader(frame, 0));
      const ours = cutByCore(frame, 0);
      expect(hexes(await receive(1)), `${length}`).toEqual(hexes(ours));
      expect(hexes(ours)).toEqual(hexes([frame]));
    }
  });

  test.each(
    KINDS.filter(([, { flags, ipOptions }]) => flags === undefined && ipOptions === undefined),
  )('%s that the core has joined is cut by the kernel to what it was', async (_name, options) => {
    const payload = bytes(30_000, 7);
    const frames = cutByCore(packet(payload, options), 1_400);
    const joined = joinedByCore(frames);
    expect(joined.frames).toHaveLength(1);
    write(joined.frames[0]!, joined.headers[0]!);
    expect(hexes(await receive(frames.length))).toEqual(hexes(frames));
  });
});
