import { existsSync, readFileSync } from 'node:fs';
import type { CoreBinary } from '../../engine/core.ts';
import type { CryptoBinary } from '../../engine/crypto/module.ts';
import { HostFailure } from './error.ts';

/** The compiled modules lie in `build/`, seen from the compiled program and from its source. Throws a `HostError`. */
export const coreBinary: CoreBinary = (build) => read('core', build);

export const cryptoBinary: CryptoBinary = (build) => read('crypto', build);

function read(module: string, build: 'simd' | 'scalar'): Uint8Array {
  const name = build === 'simd' ? `${module}.wasm` : `${module}.scalar.wasm`;
  const places = ['../../../build/', '../../build/'].map((folder) => new URL(folder + name, import.meta.url));
  const file = places.find((place) => existsSync(place));
  if (file === undefined) {
    throw new HostFailure('load', 'ENOENT', `the module ${name} has not been built: run \`npm run build\``);
  }
  return readFileSync(file);
}
