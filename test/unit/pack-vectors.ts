import { readFileSync } from 'node:fs';

/** One stretch of hex in a vector file, under the comment above it. */
export interface Vector {
  readonly title: string;
  readonly bytes: Uint8Array;
}

/** All stretches of a file in test/vectors, in order. */
export function vectors(file: string): Vector[] {
  const found: { title: string; hex: string }[] = [];
  let title = '';
  for (const line of lines(file)) {
    if (line.startsWith('#')) {
      title = line.slice(1).trim();
      found.push({ title, hex: '' });
    } else if (/^[0-9a-f]+$/.test(line)) {
      found.at(-1)!.hex += line;
    }
  }
  return found.filter((each) => each.hex !== '').map((each) => ({ title: each.title, bytes: fromHex(each.hex) }));
}

/** The one stretch whose title matches, or whose preceding title does where the title is only `body (n bytes)`. */
export function vector(file: string, title: RegExp): Uint8Array {
  const all = vectors(file).filter((each) => title.test(each.title));
  if (all.length !== 1) throw new Error(`${file}: ${all.length} vectors match ${title}`);
  return all[0]!.bytes;
}

/** The value of a `name = value` line. */
export function value(file: string, name: string): string {
  const line = lines(file).find((each) => each.trim().startsWith(`${name} = `));
  if (line === undefined) throw new Error(`${file}: no line ${name}`);
  return line.slice(line.indexOf(' = ') + 3);
}

export function lines(file: string): string[] {
  return readFileSync(new URL(`../vectors/${file}`, import.meta.url), 'utf8').split('\n');
}

export function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
