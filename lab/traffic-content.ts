/** What the traffic tool sends, different in every flow: bytes that no compression makes smaller, or pages of HTML. */

export const CONTENTS = ['random', 'html'] as const;
export type Content = (typeof CONTENTS)[number];

/** A block of `size` bytes; the same seed gives the same bytes. */
export function makeBlock(content: Content, size: number, seed: number): Uint8Array {
  return content === 'random' ? randomBlock(size, seed) : htmlBlock(size, seed);
}

const WORDS = (
  'the of and to in is you that it he was for on are as with his they at be this have from or one had by word but not ' +
  'what all were we when your can said there use an each which she do how their if will up other about out many then ' +
  'them these so some her would make like him into time has look two more write go see number no way could people'
).split(' ');
const CLASSES = ['row', 'row odd', 'name', 'value numeric', 'note', 'link external'];

/** Answers of a web server with a table, as a shop or a list of devices has it: much markup, some words, some numbers. */
function htmlBlock(size: number, seed: number): Uint8Array {
  const numbers = new Uint32Array(randomBlock(4 << 16, seed).buffer);
  let used = 0;
  const pick = (limit: number): number => numbers[used++ & 0xffff]! % limit;
  const words = (count: number): string => Array.from({ length: count }, () => WORDS[pick(WORDS.length)]).join(' ');
  let text = '';
  for (let page = 0; text.length < size; page++) {
    text +=
      `HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nCache-Control: no-cache\r\nETag: "${pick(1e9)}"\r\n\r\n` +
      `<!DOCTYPE html>\n<html lang="en">\n<head><title>${words(4)}</title></head>\n<body>\n<h1>${words(3)}</h1>\n`;
    for (let row = 0; row < 40; row++) {
      text +=
        `  <tr class="${CLASSES[pick(2)]}" id="item-${page * 40 + row}">\n` +
        `    <td class="${CLASSES[2]}"><a class="${CLASSES[5]}" href="/items/${pick(100_000)}">${words(3)}</a></td>\n` +
        `    <td class="${CLASSES[3]}">${pick(10_000) / 100}</td>\n` +
        `    <td class="${CLASSES[4]}">${words(8)}.</td>\n  </tr>\n`;
    }
    text += '</table>\n</body>\n</html>\n';
  }
  return new TextEncoder().encode(text.slice(0, size));
}

/** A block of `size` pseudo-random bytes (xorshift32); the same seed gives the same bytes. */
function randomBlock(size: number, seed: number): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(size / 4));
  let state = (0x9e3779b9 ^ Math.imul(seed + 1, 0x85ebca6b)) >>> 0 || 1;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state >>> 0;
  }
  return new Uint8Array(words.buffer, 0, size);
}

/** Writes the block's number into each of its 4 KiB, so that a block lost, doubled or out of turn shows in the checksum. */
export function stampBlock(block: Uint8Array, number: number): void {
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
  for (let at = 0; at + 4 <= block.length; at += 4096) view.setUint32(at, number >>> 0);
}
