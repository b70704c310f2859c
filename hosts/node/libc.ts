import { createRequire } from 'node:module';
import { type CType, type Libc, SIGNATURES } from '../linux/libc.ts';

type Koffi = typeof import('koffi');

/** `uintptr_t` takes a plain number; a pointer type would make koffi look at what it gets, on every call. */
const TYPES: Readonly<Record<CType, string>> = { int: 'int', size: 'size_t', address: 'uintptr_t' };

/** Loads koffi, a native module, only when somebody needs it. Throws when there is no build of it for this machine. */
export function loadKoffi(): Koffi {
  return createRequire(import.meta.url)('koffi') as Koffi;
}

/** The C library through koffi. Its asynchronous calls are never used: they crash Node 20 at exit. */
export function loadLibc(): Libc {
  const koffi = loadKoffi();
  // The symbols of this process: they include its C library, whichever that is.
  const library = koffi.load(null);
  const functions = Object.entries(SIGNATURES).map(([name, [result, parameters]]) => [
    name,
    library.func(
      name,
      TYPES[result],
      parameters.map((type) => TYPES[type]),
    ),
  ]);
  return {
    ...(Object.fromEntries(functions) as Record<keyof typeof SIGNATURES, (...numbers: number[]) => number>),
    errno: () => koffi.errno(),
    addressOf: (bytes) => Number(koffi.address(bytes)),
  };
}
