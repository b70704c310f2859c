import { existsSync, readFileSync } from 'node:fs';
import type { CoreBinary } from '../../engine/core.ts';
import { HostFailure } from './error.ts';

/** The compiled core lies in `build/`, seen from the compiled program and from its source. Throws a `HostError`. */
export const coreBinary: CoreBinary = (build) => {
  const name = build === 'simd' ? 'core.wasm' : 'core.scalar.wasm';
  const places = ['../../../build/', '../../build/'].map((folder) => new URL(folder + name, import.meta.url));
  const file = places.find((place) => existsSync(place));
  if (file === undefined) {
    throw new HostFailure('load', 'ENOENT', `the core ${name} has not been built: run \`npm run build\``);
  }
  return readFileSync(file);
};
