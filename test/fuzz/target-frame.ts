import type { Dissection } from '../../engine/core.ts';
import { batch } from '../sim/frames.ts';
import { type Build, Rig } from '../unit/core/rig.ts';
import { dissect, isPriority } from '../unit/core/twin-frame.ts';
import { check, corpus, type Target } from './target.ts';

const SIZES = { smallFrames: 96, largeFrames: 8, outBuffers: 8 };

/** The header views against their twin, and the way of a frame from session and TAP. */
export function frameTarget(build: Build): Target {
  const rig = new Rig(build, SIZES);
  const hub = rig.core.openSwitch(0);
  return {
    name: build === 'simd' ? 'frame' : `frame-${build}`,
    seeds: corpus('frame'),
    maxBytes: 2_016,
    run(input) {
      const plain = dissect(input);
      compare(rig.core.dissect(input), plain);
      check(rig.core.isPriority(input) === isPriority(input), 'priority: the core and the twin do not agree');
      const passes = plain.valid && hasSource(input) && !isToItsBridge(input);
      const from = rig.session(hub);
      const tap = rig.tap(hub);
      const to = rig.session(hub, { qos: true });
      try {
        rig.feed(from.connection, batch(input));
        rig.drain();
        const expected = passes && input.length <= 1_600 ? 1 : 0;
        arrived('the session', rig.takeBytes(to.connection), batch(input), expected);
        arrived('the TAP', concat(rig.takeDelivered(tap)), input, expected);
        // The station is on the session's port now; from the TAP it moves.
        rig.arrive(tap, input);
        rig.drain();
        arrived('the session, from the TAP', rig.takeBytes(to.connection), batch(input), expected);
        arrived('the TAP, its own', concat(rig.takeDelivered(tap)), input, 0);
      } finally {
        for (const port of [from.port, tap, to.port]) rig.core.closePort(port);
        rig.written.clear();
      }
      check(rig.core.buffersFree === rig.core.buffersTotal - rig.places, 'frame buffers are missing');
      check(rig.core.fdbSize(hub) === 0, 'stations are left behind');
      check(rig.failures.length === 0, 'the stream is broken');
    },
  };
}

/** `protocol/data-plane.md` §6.1 step 6. */
function hasSource(frame: Uint8Array): boolean {
  const source = frame.subarray(6, 12);
  if (source.every((byte) => byte === 0xff) || source.every((byte) => byte === 0)) return false;
  return source.some((byte, i) => byte !== frame[i]);
}

/**
 * A BPDU to the very bridge that it names: the bridge is learned on the port that the frame comes from, so that is where its
 * destination is (`protocol/data-plane.md` §6.2).
 */
function isToItsBridge(frame: Uint8Array): boolean {
  const lengthOrType = (frame[12]! << 8) | frame[13]!;
  if (frame.length < 42 || lengthOrType > 1_500 || frame[14] !== 0x42 || frame[15] !== 0x42) return false;
  if ((frame[0]! & 1) !== 0) return false;
  return frame.subarray(36, 42).every((byte, i) => byte === frame[i]);
}

function arrived(where: string, got: Uint8Array, whole: Uint8Array, times: number): void {
  const expected = times === 0 ? 0 : whole.length;
  check(got.length === expected, `${where} got ${got.length} bytes and not ${expected}`);
  for (let i = 0; i < expected; i++) {
    if (got[i] !== whole[i]) throw new Error(`${where}: byte ${i} has changed`);
  }
}

function concat(frames: readonly Uint8Array[]): Uint8Array {
  return frames.length === 1 ? frames[0]! : Uint8Array.from(frames.flatMap((frame) => [...frame]));
}

function compare(core: Dissection, twin: ReturnType<typeof dissect>): void {
  check(core.valid === twin.valid, `valid: ${core.valid}, the twin says ${twin.valid}`);
  if (!twin.valid) return;
  for (const field of FIELDS) {
    if (core[field] !== twin[field]) throw new Error(`${field}: ${core[field]}, the twin says ${twin[field]}`);
  }
  check(core.sourceIp === low(twin.sourceIp), 'sourceIp: the core and the twin do not agree');
  check(core.destinationIp === low(twin.destinationIp), 'destinationIp: the core and the twin do not agree');
}

const FIELDS = [
  'etherType',
  'vlan',
  'layer3',
  'layer4',
  'packetEnd',
  'protocol',
  'sourcePort',
  'destinationPort',
  'flags',
] as const;

function low(address: bigint): number {
  return address === 0n ? 0 : Number(address & 0xffff_ffffn);
}
