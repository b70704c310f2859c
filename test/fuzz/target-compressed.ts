import type { PortOptions } from '../../engine/core.ts';
import { KINDS } from '../unit/codec/samples.ts';
import { bulk } from '../unit/core/frames.ts';
import { type Build, join, Rig, TEST_SIZES } from '../unit/core/rig.ts';
import { Rng } from './rng.ts';
import { check, pieces, type Target } from './target.ts';

const LARGE = { frameMax: 65_600, blockMax: 65_600 };
const TUNNELS: readonly PortOptions[] = [
  { compress: true },
  { compress: true, deflate: true, offload: true, ...LARGE },
  { compress: true, deflate: true, offload: true, windowed: true, windows: 6, orders: true, ...LARGE },
  { orders: true, offload: true, ...LARGE },
  { orders: true, resends: true, ...LARGE },
  { compress: true, deflate: true, windowed: true, windows: 6, orders: true, resends: true, ...LARGE },
];

/** The stream of a session that compresses, or numbers its batches, or both: the first byte of an input says which. */
export function compressedTarget(build: Build): Target {
  const rig = new Rig(build, { ...TEST_SIZES, windows: 6 });
  const memoryBytes = rig.core.readBatch.memory.length;
  return {
    name: build === 'simd' ? 'compressed' : `compressed-${build}`,
    seeds: TUNNELS.flatMap((_, kind) => seeds(build, kind)),
    maxBytes: 12_000,
    cost: 4,
    run(input) {
      const hub = rig.core.openPatch();
      const options = TUNNELS[(input[0] ?? 0) % TUNNELS.length]!;
      const tunnel = rig.session(hub, options);
      const sink = rig.session(hub, LARGE);
      const lanes = [tunnel.connection];
      if (options.resends === true) lanes.push(rig.core.openConnection(tunnel.port, true, rig.now));
      try {
        // What depends on the input alone is cut the same each time.
        const chance = new Rng(input.length);
        for (const part of pieces(chance, input.subarray(1))) {
          // Something that the input may say has come.
          if (lanes.length > 1) sink.send(bulk(part.length & 0xff));
          rig.drain();
          rig.feed(lanes[part.length % lanes.length]!, part);
        }
        rig.now += 300;
        rig.core.tend(tunnel.port, rig.now);
        rig.drain();
      } finally {
        rig.core.closePort(tunnel.port);
        rig.core.closePort(sink.port);
        rig.core.closeHub(hub);
        rig.written.clear();
        rig.failures.length = 0;
      }
      check(rig.core.buffersFree === rig.core.buffersTotal, 'frame buffers are missing');
      check(rig.core.windowsFree === 6, 'windows are missing');
      check(rig.core.readBatch.memory.length === memoryBytes, 'the memory has grown');
    },
  };
}

/** What a sender of ours makes of some frames. */
function seeds(build: Build, kind: number): Uint8Array[] {
  return Object.keys(KINDS).map((name, seed) => {
    const rig = new Rig(build, { ...TEST_SIZES, windows: 6 });
    const hub = rig.core.openPatch();
    const source = rig.session(hub, kind === 0 ? {} : LARGE);
    const tunnel = rig.session(hub, TUNNELS[kind]!);
    for (let i = 0; i < 6; i++) source.send(join(bulk(seed, 14), KINDS[name]!(40 + i * 250, seed)));
    rig.drain();
    return join(Uint8Array.of(kind), rig.takeBytes(tunnel.connection));
  });
}
