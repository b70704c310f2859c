/** C zlib, where there is a compiler and the library: `zlib.c`. */

import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { projectRoot } from '../../lab/runtime.ts';

/** In the order in which the program prints them. */
export const NATIVE_WAYS = ['compress2', 'compress2-fastest', 'deflate-reused-fastest', 'uncompress'] as const;
export type NativeWay = (typeof NATIVE_WAYS)[number];

export interface NativeFigure {
  readonly nanoseconds: number;
  /** That came out. */
  readonly bytes: number;
}

export interface NativeZlib {
  measure(frames: readonly Uint8Array[], passes: number): Promise<Readonly<Record<NativeWay, NativeFigure>>>;
  remove(): Promise<void>;
}

/** Undefined, with the reason said, where it cannot be built. */
export async function nativeZlib(say: (text: string) => void): Promise<NativeZlib | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'etherloom-zlib-'));
  const program = join(folder, 'zlib');
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    await promisify(execFile)('cc', ['-O2', '-o', program, join(projectRoot, 'bench/deflate/zlib.c'), '-lz']);
  } catch (error) {
    say(
      `without C zlib: it could not be built (needs cc and zlib's header): ${(error as Error).message.split('\n')[0]}`,
    );
    await remove();
    return undefined;
  }
  return { measure: (frames, passes) => measure(program, frames, passes), remove };
}

async function measure(program: string, frames: readonly Uint8Array[], passes: number) {
  const running = promisify(execFile)(program, [String(passes)]);
  const { stdin } = running.child;
  for (const frame of frames) {
    const head = new Uint8Array(4);
    new DataView(head.buffer).setUint32(0, frame.length);
    stdin!.write(head);
    stdin!.write(frame);
  }
  stdin!.end();
  const { stdout } = await running;
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => line.split(' '));
  return Object.fromEntries(
    NATIVE_WAYS.map((way, i) => {
      const [name, nanoseconds, bytes] = lines[i] ?? [];
      if (name !== way) throw new Error(`C zlib: expected figures of ${way}, got ${stdout}`);
      return [way, { nanoseconds: Number(nanoseconds), bytes: Number(bytes) }];
    }),
  ) as Record<NativeWay, NativeFigure>;
}
