/** What frames carry: text that shrinks a lot, programs that shrink less, and what does not shrink at all. */

import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../lab/runtime.ts';
import { makeBlock } from '../../lab/traffic-content.ts';

export const CORPORA = ['source', 'html', 'json', 'headers', 'program', 'random'] as const;
export type Corpus = (typeof CORPORA)[number];

/** Bytes of each. */
const CORPUS_BYTES = 0x8_0000;

/** The corpus cut into frames of `size` bytes; at least one. */
export function frames(corpus: Corpus, size: number): Uint8Array[] {
  const bytes = MAKE[corpus]();
  const count = Math.max(1, Math.floor(bytes.length / size));
  return Array.from({ length: count }, (_, i) => bytes.slice(i * size, (i + 1) * size));
}

const MAKE: Readonly<Record<Corpus, () => Uint8Array>> = {
  source,
  html: () => makeBlock('html', CORPUS_BYTES, 1),
  json,
  headers,
  program,
  random: () => makeBlock('random', CORPUS_BYTES, 1),
};

/** The product's own source. */
function source(): Uint8Array {
  const texts = ['engine', 'cli', 'hosts', 'assembly'].flatMap((folder) => sources(join(projectRoot, folder)));
  return bytesOf(texts.join(''));
}

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return sources(path);
      return entry.name.endsWith('.ts') ? [readFileSync(path, 'utf8')] : [];
    });
}

/** Measurements of devices, as an API gives them. */
function json(): Uint8Array {
  const next = numbers();
  const rows = Array.from({ length: 4_000 }, (_, i) => ({
    id: 100_000 + i,
    device: `sensor-${next(400)}`,
    time: new Date(1.7e12 + i * 61_000 + next(60_000)).toISOString(),
    temperature: next(4_000) / 100,
    humidity: next(100),
    ok: next(20) !== 0,
    tags: ['floor', 'hall', 'roof', 'cellar'].slice(0, 1 + next(4)),
  }));
  return bytesOf(JSON.stringify(rows));
}

/** Requests and answers without bodies, and DNS answers between them. */
function headers(): Uint8Array {
  const next = numbers();
  const parts: Uint8Array[] = [];
  for (let i = 0; i < 1_200; i++) {
    const host = `${['www', 'api', 'cdn', 'img'][next(4)]}.example${next(30)}.com`;
    parts.push(
      bytesOf(
        `GET /static/${next(1e6).toString(16)}.js?v=${next(100)} HTTP/1.1\r\nHost: ${host}\r\n` +
          'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Safari/537.36\r\n' +
          `Accept: */*\r\nAccept-Encoding: gzip, deflate, br\r\nCookie: session=${next(1e9).toString(36)}\r\n\r\n` +
          `HTTP/1.1 304 Not Modified\r\nDate: Fri, 27 Nov 2026 ${10 + next(10)}:${10 + next(50)}:${10 + next(50)} GMT\r\n` +
          `ETag: "${next(1e9).toString(16)}"\r\nCache-Control: public, max-age=31536000\r\n\r\n`,
      ),
      dns(host, next),
    );
  }
  return Uint8Array.from(Buffer.concat(parts));
}

/** RFC 1035 §4.1: a question, and one to four addresses. */
function dns(host: string, next: (limit: number) => number): Uint8Array {
  const answers = 1 + next(4);
  const name = host.split('.').flatMap((label) => [label.length, ...bytesOf(label)]);
  return Uint8Array.from([
    ...[next(256), next(256), 0x81, 0x80, 0, 1, 0, answers, 0, 0, 0, 0, ...name, 0, 0, 1, 0, 1],
    ...Array.from({ length: answers }, () => [
      ...[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, next(256), 0, 4, 192, 0, 2, next(256)],
    ]).flat(),
  ]);
}

/** The machine code of the runtime itself, from its middle. */
function program(): Uint8Array {
  const bytes = new Uint8Array(CORPUS_BYTES);
  const file = openSync(process.execPath, 'r');
  try {
    readSync(file, bytes, 0, bytes.length, Math.floor(statSync(process.execPath).size / 2));
  } finally {
    closeSync(file);
  }
  return bytes;
}

/** Numbers that are the same each time. */
function numbers(): (limit: number) => number {
  let state = 0x1234_5678;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
