import { u32 } from '../sim/frames.ts';
import {
  checksum,
  dissect,
  isIntact,
  type PacketOptions,
  packet,
  rebuild,
  unfinished,
  virtioHeader,
} from '../unit/core/packets.ts';
import { type Build, hexes, itemsOf, join, Rig } from '../unit/core/rig.ts';
import type { Rng } from './rng.ts';
import { check, type Target } from './target.ts';

/** Room for the pieces of the longest input in the shortest segments. */
const SIZES = { smallFrames: 2_048, largeFrames: 16, outBuffers: 8 };
const UNFINISHED = 0x8000_0000;
/** In front of the frame: what it is said to stand for. */
const CLAIM_BYTES = 2;

/** What own peers claim of their frames: an input is a claim and a frame. */
export function offloadTarget(build: Build): Target {
  const rig = new Rig(build, SIZES);
  return {
    name: build === 'simd' ? 'offload' : `offload-${build}`,
    seeds: seeds(),
    maxBytes: 4_096,
    repair,
    run(input) {
      if (input.length < CLAIM_BYTES + 14) return;
      const claim = (input[0]! << 8) | input[1]!;
      const frame = input.slice(CLAIM_BYTES);
      const hub = rig.core.openPatch();
      const own = { offload: true, offloadUdp: true, frameMax: 65_600 };
      const [from, peer, plain] = [rig.session(hub, own), rig.session(hub, own), rig.session(hub)];
      const tap = rig.tap(hub, own);
      try {
        rig.failures.length = 0;
        rig.feed(
          from.connection,
          join(Uint8Array.from([...u32(1), ...u32((frame.length | UNFINISHED) >>> 0), ...u32(claim)]), frame),
        );
        rig.drain();
        check(rig.failures.length === 0, 'the connection was closed');
        const blocks = rig.takeBytes(peer.connection);
        const pieces = itemsOf(rig.takeBytes(plain.connection)).flatMap((item) =>
          item.kind === 'batch' ? item.frames : [],
        );
        const [headers, written] = [rig.takeHeaders(tap), rig.takeDelivered(tap)];
        if (blocks.length === 0) {
          check(pieces.length === 0 && written.length === 0, 'malformed for one and not for another');
          return;
        }
        const view = new DataView(blocks.buffer);
        const word = view.getUint32(4);
        check((word & ~UNFINISHED) >>> 0 === frame.length, 'the own peer got another length');
        // What had to be finished for another port is finished for all.
        const finished = word === frame.length;
        const segment = finished ? 0 : view.getUint32(8);
        check(segment === claim || segment === 0, 'the claim was changed');
        const passed = blocks.subarray(finished ? 8 : 12);
        compare(frame, segment, { finished, passed, pieces, header: headers[0]!, written: written[0]! });
      } finally {
        for (const port of [from.port, peer.port, plain.port, tap]) rig.core.closePort(port);
        rig.core.closeHub(hub);
        rig.written.clear();
        rig.headers.clear();
        rig.delivered.clear();
      }
      // The places that TAPs are read into stay, for the next TAP.
      check(rig.core.buffersFree === rig.core.buffersTotal - rig.places, 'frame buffers are missing');
    },
  };
}

interface Seen {
  readonly finished: boolean;
  readonly passed: Uint8Array;
  readonly pieces: readonly Uint8Array[];
  readonly header: Uint8Array;
  readonly written: Uint8Array;
}

function compare(frame: Uint8Array, segment: number, { finished, passed, pieces, header, written }: Seen): void {
  const packetOf = (bytes: Uint8Array): Uint8Array => bytes.subarray(0, endOf(frame));
  if (!isPlain(frame)) return;
  const expected = unfinished(packetOf(frame));
  const bare = header.every((byte) => byte === 0);
  for (const [whole, got] of [
    [finished, packetOf(passed)],
    [bare, packetOf(written)],
  ] as const) {
    check(equal(whole ? unfinished(got) : got, expected), 'something else came out');
    check(!whole || isIntact(got), 'a finished checksum is wrong');
  }
  check(bare ? segment === 0 : equal(header, virtioHeader(packetOf(frame), segment)), 'the header lies');
  if (segment === 0) check(pieces.length <= 1, 'one frame became several');
  // Longer than the other peer takes.
  if (pieces.length === 0) return;
  const { payload } = dissect(packetOf(frame));
  check(
    pieces.every((piece) => isIntact(piece.subarray(0, endOf(piece)))),
    'a checksum is wrong',
  );
  const bytes = join(...pieces.map((piece) => dissect(piece.subarray(0, endOf(piece))).payload));
  check(equal(bytes, payload), 'the payload was changed');
  check(segment === 0 || pieces.length === Math.ceil(payload.length / segment), 'too many pieces, or too few');
}

/** The core looks into more than the checker does, and not at the checksum of the IPv4 header. */
function isPlain(frame: Uint8Array): boolean {
  const layer3 = layer3Of(frame);
  const next = frame[layer3]! >> 4 === 6 ? frame[layer3 + 6] : 0;
  return (
    (next === 0 || next === 6 || next === 17) &&
    (next !== 0 || checksum(frame, layer3, (frame[layer3]! & 15) * 4) === 0)
  );
}

function layer3Of(frame: Uint8Array): number {
  return frame[12] === 0x81 && frame[13] === 0 ? 18 : 14;
}

/** Where the IP packet ends, by its own word. */
function endOf(frame: Uint8Array): number {
  const layer3 = layer3Of(frame);
  const ipv6 = frame[layer3 - 2] === 0x86;
  const at = layer3 + (ipv6 ? 4 : 2);
  return layer3 + (ipv6 ? 40 : 0) + ((frame[at]! << 8) | frame[at + 1]!);
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return hexes([a])[0] === hexes([b])[0];
}

function seeds(): Uint8Array[] {
  const options: PacketOptions[] = [
    {},
    { ipv6: true },
    { udp: true },
    { udp: true, ipv6: true },
    { tag: 5, options: [1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8] },
    { ipOptions: 8 },
  ];
  return options.flatMap((o) =>
    (
      [
        [0, 40],
        [100, 1_000],
        [1_448, 3_000],
      ] as const
    ).map(([claim, length]) =>
      join(
        Uint8Array.of(claim >> 8, claim & 0xff),
        packet(
          Uint8Array.from({ length }, (_, i) => i & 0xff),
          o,
        ),
      ),
    ),
  );
}

/** Lengths and a header checksum that fit what came out of the mutation: without them nearly nothing is sound. */
function repair(rng: Rng, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const made = Uint8Array.from(bytes);
  if (rng.oneIn(3) || made.length < CLAIM_BYTES) return made;
  made.set(mendFrame(made.subarray(CLAIM_BYTES)), CLAIM_BYTES);
  if (rng.oneIn(2)) made.set([0, 8 + rng.below(200)]);
  return made;
}

/** The frame with lengths that fit it, and with correct checksums, as far as there is something to recognise. */
export function mendFrame(frame: Uint8Array): Uint8Array<ArrayBuffer> {
  const made = Uint8Array.from(frame);
  const layer3 = layer3Of(made);
  if (made.length < layer3 + 48) return made;
  const ipv6 = made[layer3]! >> 4 === 6;
  const put = (at: number, value: number): void => made.set([(value >> 8) & 0xff, value & 0xff], at);
  put(layer3 - 2, ipv6 ? 0x86dd : 0x0800);
  if (ipv6) {
    put(layer3 + 4, made.length - layer3 - 40);
  } else {
    put(layer3 + 2, made.length - layer3);
    put(layer3 + 10, 0);
    put(layer3 + 10, checksum(made, layer3, (made[layer3]! & 15) * 4));
  }
  const layer4 = layer3 + (ipv6 ? 40 : (made[layer3]! & 15) * 4);
  const udp = made[layer3 + (ipv6 ? 6 : 9)] === 17;
  if (udp && layer4 + 8 <= made.length) put(layer4 + 4, made.length - layer4);
  try {
    const { payload, sequence, flags, id } = dissect(made);
    return rebuild(made, payload, { sequence, flags, id });
  } catch {
    return made;
  }
}
