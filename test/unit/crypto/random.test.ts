/**
 * Both builds and their references agree on inputs that nobody thought of. CRYPTO_INPUTS says how many there are in all;
 * each goes through both builds.
 */
import { describe, test } from 'vitest';
import { World } from '../../sim/world.ts';
import { mustEqual } from './bytes.ts';
import { ALGORITHMS } from './random-inputs.ts';
import { rig } from './rig.ts';

const INPUTS = Number(process.env.CRYPTO_INPUTS ?? 20_000);
const EACH = Math.ceil(INPUTS / ALGORITHMS.length);
/** A slow machine that is busy with other things. */
const TIMEOUT_MS = 20_000 + EACH * 5;

describe(`${EACH} random inputs of each algorithm`, () => {
  const simd = rig('simd');
  const scalar = rig('scalar');

  for (const [place, [name, algorithm]] of ALGORITHMS.entries()) {
    test(
      name,
      () => {
        const world = new World(place + 1);
        for (let i = 0; i < EACH; i++) {
          const input = algorithm(world);
          const found = input.run(simd);
          mustEqual(input.run(scalar), found, () => `scalar and simd, input ${i}`);
          mustEqual(found, input.expected(), () => `simd and reference, input ${i}`);
        }
      },
      TIMEOUT_MS,
    );
  }
});
