import { Both, choices } from '../unit/core/both.ts';
import type { Build } from '../unit/core/rig.ts';
import { Rig, TAKE_ALL } from '../unit/core/rig.ts';
import { TwinCore } from '../unit/core/twin-core.ts';
import { Rng } from './rng.ts';
import { check, corpus, pieces, type Target } from './target.ts';

const SIZES = { smallFrames: 96, largeFrames: 8, outBuffers: 8 };

/** The receiver of the block stream with a hub behind it, against its twin: what goes in, what comes out, what is held. */
export function streamTarget(build: Build): Target {
  const rig = new Rig(build, SIZES);
  const hub = rig.core.openSwitch(0);
  const { memory } = rig.core.readBatch;
  const memoryBytes = memory.length;
  return {
    name: build === 'simd' ? 'stream' : `stream-${build}`,
    seeds: corpus('stream'),
    maxBytes: 4_096,
    run(input) {
      const rng = Rng.from(input);
      rig.failures.length = 0;
      const both = new Both(rig, new TwinCore(SIZES, (frame) => rig.core.flowTag(frame)));
      both.twin.openHub(hub, false);
      const wide = rng.oneIn(4);
      const sender = both.session(hub, { frameMax: wide ? 65_600 : 1_600, stationsMax: rng.oneIn(4) ? 2 : 0 });
      const receiver = both.session(hub, { qos: rng.oneIn(2), frameMax: wide ? 65_600 : 1_600 });
      const from = both.connection(sender, true);
      const to = [both.connection(receiver, true), both.connection(receiver, true)];
      const seed = rng.u32();
      try {
        for (const [i, piece] of pieces(rng, input).entries()) {
          if (both.receive(from, piece) !== undefined) break;
          if (i % 64 !== 63) continue;
          both.drain(() => choices(seed + i));
          for (const connection of to) both.connectionWritable(connection);
        }
        for (const connection of [from, ...to]) both.connectionWritable(connection);
        both.drain(() => TAKE_ALL);
        for (const connection of [from, ...to]) both.compareConnection(connection);
        both.comparePort(sender);
        both.comparePort(receiver);
        both.compareMemory([hub]);
      } finally {
        both.closePort(receiver, to);
        both.closePort(sender, [from]);
        rig.written.clear();
      }
      check(rig.core.buffersFree === rig.core.buffersTotal, 'frame buffers are missing');
      check(rig.core.fdbSize(hub) === 0, 'stations are left behind');
      check(memory.length === memoryBytes, 'the memory has grown');
    },
  };
}
