/**
 * The core with its copying counted, for the bench alone: the same sources, compiled with another `memory.copy` that
 * adds up the bytes before it copies them. What this core does is what the real one does; only its speed differs.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import asc from 'assemblyscript/asc';
import { projectRoot } from '../lab/runtime.ts';

/** Every copy inside the core goes this way: loops that copy by themselves would not be seen, and there are none. */
const COPY = /\bmemory\.copy\(/g;
const COUNTED = 'assembly/counted.ts';
const COUNTED_SOURCE = `
  // @ts-ignore: decorator
  @global export let copiedBytes: f64 = 0;
  // @ts-ignore: decorator
  @global export function countedCopy(to: usize, from: usize, bytes: usize): void {
    copiedBytes += <f64>bytes;
    memory.copy(to, from, bytes);
  }
`;
/** The one number of the core whose place the count takes: `Core.frames` then says bytes copied since the start. */
const FRAMES = 'return framesForwarded;';

/** @throws Error when the sources are no longer as this file expects them, or do not compile. */
export async function compileCounting(build: 'simd' | 'scalar'): Promise<Uint8Array> {
  let replaced = false;
  let binary: Uint8Array | undefined;
  const { error, stderr } = await asc.main(['assembly/index.ts', COUNTED, '--target', build, '--outFile', 'out.wasm'], {
    readFile: async (name, directory) => {
      if (name === COUNTED) return COUNTED_SOURCE;
      const text = await readFile(join(projectRoot, directory === '.' ? '' : directory, name), 'utf8').catch(
        () => null,
      );
      if (text === null || !name.startsWith('assembly/')) return text;
      replaced ||= name === 'assembly/index.ts' && text.includes(FRAMES);
      return text.replaceAll(COPY, 'countedCopy(').replaceAll(FRAMES, 'return copiedBytes;');
    },
    writeFile: (name, contents) => {
      if (name === 'out.wasm') binary = contents as Uint8Array;
    },
    listFiles: async (directory, base) => {
      const names = await readdir(join(projectRoot, base, directory)).catch(() => []);
      return names.filter((name) => name.endsWith('.ts'));
    },
  });
  if (error !== null || binary === undefined) throw new Error(`cannot compile the counting core: ${error}\n${stderr}`);
  if (!replaced)
    throw new Error(`assembly/index.ts: expected framesIn() with "${FRAMES}"; teach bench/core-counting.ts`);
  return binary;
}
