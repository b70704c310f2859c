import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { inflateSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { makeCodec } from './codecs.ts';

/** Text and programs that every machine has. `npm run soak` reads all of them, in the usual run there is a part. */
const FOLDERS = ['/usr/share', '/usr/bin', '/usr/include', '/etc'];
const BYTES = Number(process.env.CORPUS_MEBIBYTES ?? 12) * 0x10_0000;
/** One frame of a SoftEther peer, and one super-frame. */
const FRAMES = [1_400, 65_536];

/** Parts of files, so many bytes in all, from all over the folders. */
function* parts(): Generator<Uint8Array> {
  let left = BYTES;
  const files = FOLDERS.flatMap(filesIn);
  const total = files.reduce((sum, { size }) => sum + size, 0);
  // Every file if they all fit, else as many of each folder as fit.
  const share = Math.min(1, BYTES / total);
  let owed = 0;
  for (const { path, size } of files) {
    owed += share * size;
    if (owed < Math.min(size, 0x4_0000)) continue;
    const bytes = read(path, Math.min(size, owed));
    owed -= bytes.length;
    left -= bytes.length;
    yield bytes;
    if (left <= 0) return;
  }
}

function filesIn(folder: string): { path: string; size: number }[] {
  return entries(folder).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return filesIn(path);
    return entry.isFile() ? [{ path, size: statSync(path).size }] : [];
  });
}

function entries(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    // Not there, or not for us.
    return [];
  }
}

function read(path: string, most: number): Uint8Array {
  const bytes = new Uint8Array(Math.floor(most));
  const file = openSync(path, 'r');
  try {
    return bytes.subarray(0, readSync(file, bytes));
  } finally {
    closeSync(file);
  }
}

test('what this machine has of text and programs comes back as it was', { timeout: 60_000 + BYTES / 1_000 }, () => {
  const codec = makeCodec('simd');
  let total = 0;
  for (const part of parts()) {
    for (const size of FRAMES) {
      for (let at = 0; at < part.length; at += size) {
        const frame = part.subarray(at, at + size);
        const block = codec.deflate(frame).slice();
        if (Buffer.compare(inflateSync(block), frame) !== 0) throw new Error('zlib inflates to something else');
        const back = codec.inflate(block, frame.length);
        if (typeof back === 'string' || Buffer.compare(back, frame) !== 0) throw new Error(`the core: ${back}`);
      }
    }
    total += part.length;
  }
  expect(total).toBeGreaterThan(Math.min(BYTES, 0x40_0000) / 2);
});
