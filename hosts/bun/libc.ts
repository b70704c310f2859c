import { dlopen, type FFITypeOrString, type Pointer, ptr, read } from 'bun:ffi';
import { type CType, type Libc, SIGNATURES } from '../linux/libc.ts';

const TYPES: Readonly<Record<CType, FFITypeOrString>> = { int: 'i32', size: 'u64', address: 'ptr' };

/** Where the C library may be: glibc's name, then musl's for both kinds of machine. */
const LIBRARIES = ['libc.so.6', 'libc.musl-x86_64.so.1', 'libc.musl-aarch64.so.1'];

type Numeric = (...numbers: number[]) => number;

function load(path: string): Record<string, Numeric> {
  const functions = Object.entries(SIGNATURES).map(([name, [result, parameters]]) => [
    name,
    { returns: TYPES[result], args: parameters.map((type) => TYPES[type]) },
  ]);
  return dlopen(path, {
    ...Object.fromEntries(functions),
    __errno_location: { returns: 'ptr', args: [] },
  }).symbols as unknown as Record<string, Numeric>;
}

/** The C library through bun:ffi. For one thread only: each has an `errno` of its own. */
function wrap({ __errno_location: errnoLocation, ...functions }: Record<string, Numeric>): Libc {
  // bun:ffi has no errno. The variable of a thread stays where it is, and is read like any memory.
  const errno = errnoLocation!() as Pointer;
  return {
    ...(functions as Record<keyof typeof SIGNATURES, Numeric>),
    errno: () => read.i32(errno),
    addressOf: (bytes) => ptr(bytes as Uint8Array),
  };
}

/** Loads the C library and says by which name. Throws what went wrong with the usual name. */
export function loadLibc(): { libc: Libc; library: string } {
  let failure: unknown;
  for (const library of LIBRARIES) {
    try {
      return { libc: wrap(load(library)), library };
    } catch (error) {
      failure ??= error;
    }
  }
  throw failure;
}
