import { dissect, isIntact, type PacketOptions, packet } from '../unit/core/packets.ts';
import { type Build, hexes, join, Rig } from '../unit/core/rig.ts';
import { cut } from '../unit/core/twin-offload.ts';
import { check, type Target } from './target.ts';
import { mendFrame } from './target-offload.ts';

const SIZES = { smallFrames: 256, largeFrames: 24, outBuffers: 8 };

/** What a peer sends to a TAP that takes super-frames: an input is a list of frames, each behind its length (u16). */
export function joinTarget(build: Build): Target {
  const rig = new Rig(build, SIZES);
  return {
    name: build === 'simd' ? 'join' : `join-${build}`,
    seeds: seeds(),
    maxBytes: 8_192,
    cost: 2,
    repair: (rng, bytes) =>
      join(...framesIn(bytes).flatMap((frame) => record(rng.oneIn(8) ? frame : mendFrame(frame)))),
    run(input) {
      // An empty block is nothing.
      const frames = framesIn(input).filter((frame) => frame.length > 0);
      const hub = rig.core.openPatch();
      const from = rig.session(hub);
      const tap = rig.tap(hub, { offload: true, offloadUdp: true, frameMax: 65_600 });
      try {
        from.send(...frames);
        rig.drain();
        compare(frames, rig.takeHeaders(tap), rig.takeDelivered(tap), dropped(from.drops));
      } finally {
        rig.core.closePort(from.port);
        rig.core.closePort(tap);
        rig.core.closeHub(hub);
        rig.headers.clear();
        rig.delivered.clear();
      }
      // The places that TAPs are read into stay, for the next TAP.
      check(rig.core.buffersFree === rig.core.buffersTotal - rig.places, 'frame buffers are missing');
    },
  };
}

/** Each frame comes out as it is, or as a part of a super-frame whose every part is right. */
function compare(frames: Uint8Array[], headers: Uint8Array[], written: Uint8Array[], drops: number): void {
  const waiting = new Map<string, number>();
  for (const frame of frames) count(waiting, nameOf(frame), 1);
  let pieces = 0;
  for (const [i, frame] of written.entries()) {
    const segment = new DataView(headers[i]!.buffer).getUint16(4, true);
    const parts = segment === 0 ? [frame] : cut(frame, segment);
    for (const part of parts) {
      check(count(waiting, nameOf(part), -1) >= 0, 'a frame came out that did not go in');
      check(segment === 0 || isIntact(part), 'a damaged frame was joined');
    }
    pieces += parts.length;
  }
  check(pieces === frames.length - drops, `${frames.length} frames went in, ${drops} were dropped, ${pieces} came out`);
}

/** What is to come out again: all of it, but for a number that nobody looks at. */
function nameOf(frame: Uint8Array): string {
  const made = Uint8Array.from(frame);
  const layer3 = made[12] === 0x81 && made[13] === 0 ? 18 : 14;
  let intact = false;
  try {
    // The checksum of the header depends on that number.
    intact = dissect(frame) !== undefined;
  } catch {
    // Not joined, so nothing of it changes.
  }
  if (intact && made[layer3] === 0x45 && (made[layer3 + 6]! & 0x40) !== 0) {
    made.fill(0, layer3 + 4, layer3 + 6);
    made.fill(0, layer3 + 10, layer3 + 12);
  }
  return hexes([made])[0]!;
}

function count(map: Map<string, number>, key: string, by: number): number {
  const value = (map.get(key) ?? 0) + by;
  map.set(key, value);
  return value;
}

function dropped(drops: Readonly<Record<string, number>>): number {
  return Object.values(drops).reduce((sum, value) => sum + value, 0);
}

function framesIn(input: Uint8Array): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let at = 0; at + 2 <= input.length; ) {
    const length = Math.min(((input[at]! << 8) | input[at + 1]!) % 1_601, input.length - at - 2);
    frames.push(input.slice(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return frames;
}

function record(frame: Uint8Array): Uint8Array[] {
  return [Uint8Array.of(frame.length >> 8, frame.length & 0xff), frame];
}

function seeds(): Uint8Array[] {
  const options: PacketOptions[] = [
    {},
    { ipv6: true },
    { udp: true },
    { tag: 5, options: [8, 10, 1, 2, 3, 4, 5, 6, 7, 8] },
    { dontFragment: false },
  ];
  return options.map((o) =>
    join(
      ...Array.from({ length: 6 }, (_, i) =>
        packet(new Uint8Array(300).fill(i), { ...o, sequence: 1 + i * 300, id: i }),
      ).flatMap(record),
    ),
  );
}
