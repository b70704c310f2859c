import { decodePack } from '../../engine/pack/decode.ts';
import type { PackElement } from '../../engine/pack/element.ts';
import { encodePack } from '../../engine/pack/encode.ts';
import { mutatePack } from './mutate-pack.ts';
import { check, corpus, type Target, words } from './target.ts';

/** Every value of a Pack takes four bytes of it at least, and every element its head. */
const MIN_VALUE_BYTES = 4;

export function packTarget(): Target {
  return {
    name: 'pack',
    seeds: corpus('pack'),
    words: words('method', 'login', 'hello', 'random', 'pencore', 'error', 'noop', '\0\0\0\x01', '\xff\xff\xff\xff'),
    maxBytes: 0x2000,
    repair: (rng, bytes) => new Uint8Array((rng.oneIn(4) ? mutatePack(rng, bytes) : undefined) ?? bytes),
    run(input) {
      const before = input.slice();
      const decoded = decodePack(input);
      check(Buffer.compare(before, input) === 0, 'the input was changed');
      if (!decoded.ok) {
        check(decoded.cause.length > 0, 'an error without a cause');
        check(decoded.offset >= 0 && decoded.offset <= input.length, `an error at ${decoded.offset}`);
        return;
      }
      const { pack, consumed } = decoded;
      check(consumed >= 4 && consumed <= input.length, `${consumed} bytes consumed of ${input.length}`);
      check(pack.elements.reduce((sum, each) => sum + heldBytes(each), 0) <= consumed, 'more is held than came');
      // What was read is written in one form only, and that form is read as the same again.
      const bytes = encodePack(pack);
      const again = decodePack(bytes);
      check(again.ok && again.consumed === bytes.length, 'what was encoded is not decoded');
      if (again.ok) check(Buffer.compare(encodePack(again.pack), bytes) === 0, 'encoding is not stable');
      for (const { name, values } of pack.elements) {
        check(pack.has(name.toUpperCase()) && pack.count(name) === values.length, `${name} is not found`);
        pack.int(name);
        pack.int64(name, 1);
        pack.data(name);
        pack.str(name);
        pack.uni(name, values.length - 1);
      }
      // A Pack that is cut anywhere is an error; a few places stand for all.
      for (const cut of [consumed - 1, consumed >> 1, consumed - 5]) {
        if (cut >= 0 && cut < consumed) check(!decodePack(input.subarray(0, cut)).ok, `cut at ${cut} it is a Pack`);
      }
    },
  };
}

function heldBytes(element: PackElement): number {
  let bytes = element.name.length;
  for (const value of element.values) bytes += value instanceof Uint8Array ? value.length : 0;
  return bytes + element.values.length * MIN_VALUE_BYTES;
}
