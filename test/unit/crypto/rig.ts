import { Crypto } from '../../../engine/crypto/module.ts';
import { cryptoBinary } from '../../sim/host.ts';
import { World } from '../../sim/world.ts';
import type { Build } from '../core/rig.ts';

/** A crypto module of one build, with a random of its own that replays. */
export function rig(build: Build, slots = 64, seed = 1): Crypto {
  const world = new World(seed);
  const crypto = new Crypto(cryptoBinary, {
    slots,
    scalar: build === 'scalar',
    random: (count) => world.bytes(count),
  });
  if (crypto.simd !== (build === 'simd')) throw new Error(`expected the ${build} build`);
  return crypto;
}
