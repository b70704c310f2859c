/** Whole frames of every kind that the core looks into, and ways to spoil them. */

import { hex } from '../../sim/frames.ts';
import type { World } from '../../sim/world.ts';

const FROM = '5e0000000002 5e0000000001';
const IP4 = '0a000001 0a000002';
const IP6 = 'fe80000000000000 0000000000000001 ff02000000000000 0000000000000002';
const UDP = '04d2 0035 000c 0000 01020304';
const TCP = '01bb c350 00000001 00000002 5012 0009 0000 0000';

export const FRAME_SEEDS: readonly Uint8Array[] = [
  `${FROM} 88b5 0102030405060708`,
  `${FROM} 002e 424203 00000000 8000 5e0000000009 00000000 8000 5e000000000a 8001 0000 1400 0200 0f00 0000000000000000`,
  `ffffffffffff 5e0000000001 0806 0001 0800 0604 0001 5e0000000001 0a000001 000000000000 0a000002`,
  `${FROM} 8100 e005 0806 0001 0800 0604 0001 5e0000000001 0a000001 000000000000 0a000002`,
  `${FROM} 0800 4500 0020 0007 0000 4011 0000 ${IP4} ${UDP}`,
  `${FROM} 0800 45b8 0020 0007 0000 4011 0000 ${IP4} ${UDP}`,
  `${FROM} 0800 4500 0028 0007 4000 4006 0000 ${IP4} ${TCP}`,
  `${FROM} 0800 4500 001c 0007 0000 4001 0000 ${IP4} 0800 f7fe 0001 0000`,
  `${FROM} 0800 4600 0024 0007 2000 4011 0000 ${IP4} 01010101 ${UDP}`,
  `${FROM} 0800 4500 0018 0007 2001 4011 0000 ${IP4} 01020304`,
  `${FROM} 8100 0064 0800 4500 0020 0007 0000 4011 0000 ${IP4} ${UDP} 000000000000`,
  `${FROM} 86dd 60000000 000c 11 40 ${IP6} ${UDP}`,
  `${FROM} 86dd 60000000 0014 06 40 ${IP6} ${TCP}`,
  `${FROM} 86dd 60000000 0008 3a ff ${IP6} 8700 0000 00000000`,
  `${FROM} 86dd 60000000 001c 00 40 ${IP6} 3c00 0502 0000 0100 1100 0104 00000000 ${UDP}`,
  `${FROM} 86dd 60000000 0014 2c 40 ${IP6} 1100 0001 00000001 ${UDP}`,
  `${FROM} 8100 2001 86dd 60000000 000c 2c 40 ${IP6} 1100 0009 00000001 01020304`,
].map(hex);

/** Sometimes as it was, mostly with a few bytes changed, cut off, moved or added. */
export function mutate(world: World, seed: Uint8Array): Uint8Array<ArrayBuffer> {
  let frame = seed.slice();
  for (let times = world.pick(4); times > 0; times--) {
    const at = world.pick(frame.length + 1);
    switch (world.pick(5)) {
      case 0:
        if (at < frame.length) frame[at] = world.pick(256);
        break;
      case 1:
        if (at < frame.length) frame[at] = frame[at]! ^ (1 << world.pick(8));
        break;
      case 2:
        frame = frame.slice(0, at);
        break;
      case 3:
        frame = Uint8Array.from([...frame, ...world.bytes(world.pick(30))]);
        break;
      default:
        // The bytes that decide where things are: types, versions, lengths, fragments, next headers.
        for (const field of [12, 13, 14, 16, 17, 20, 23]) {
          if (field < frame.length && world.chance() < 0.2)
            frame[field] = [0, 1, 4, 5, 6, 0x11, 0x2c, 0x3c, 0x45, 0xff][world.pick(10)]!;
        }
    }
  }
  return frame;
}
