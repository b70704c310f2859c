/** Padding of records: every length of it, every wrong byte in it, and what SSL 3.0 lets pass (POODLE). */
import { describe, expect, test } from 'vitest';
import { RecordReader } from '../../../engine/crypto/records.ts';
import { World } from '../../sim/world.ts';
import { BUILDS } from '../core/rig.ts';
import { mustEqual } from './bytes.ts';
import { type Answer, DATA, Pair, PROTECTIONS, read } from './record-rig.ts';
import { leastPadding, makeKeys, RecordTwin, type SealOptions, SSL3, type Suite } from './record-twin.ts';
import * as reference from './references.ts';
import { rig } from './rig.ts';

const INPUT = new World(61).bytes(1_000);
const BLOCKS = PROTECTIONS.filter(([, suite]) => suite.block > 1);
const TLS = BLOCKS.filter(([, , version]) => version > SSL3);
const SSL = BLOCKS.filter(([, , version]) => version === SSL3);

/** Paddings of TLS for so much data: the value of the last byte. */
function paddingsOf(suite: Suite, length: number): number[] {
  const paddings = [];
  for (let padding = leastPadding(suite, length); padding < 256; padding += suite.block) paddings.push(padding);
  return paddings;
}

describe.each(BUILDS)('%s: padding', (build) => {
  const crypto = rig(build);

  /** What a fresh reader makes of the first record of a twin. */
  function first(suite: Suite, version: number, data: Uint8Array, options: SealOptions): Answer {
    const keys = makeKeys(suite, new World(9));
    const reader = new RecordReader(crypto);
    reader.protect(suite.id, version, keys);
    const answer = read(reader, new RecordTwin(suite, version, keys).seal(DATA, data, options));
    reader.release();
    return answer;
  }

  function mustRefuse(answer: Answer, what: () => string): void {
    if (answer.result !== 'refused' || answer.delivered.length > 0) throw new Error(`${what()}: not refused`);
  }

  test.each(TLS)('%s: every length up to 255', (_name, suite, version) => {
    const pair = new Pair(crypto, suite, version);
    const world = new World(62);
    let longest = 0;
    for (let length = 0; length <= 2 * suite.block; length++) {
      const data = INPUT.subarray(length, 2 * length);
      for (const padding of paddingsOf(suite, length)) {
        const { delivered } = read(pair.reader, pair.peer.seal(DATA, data, { padding, iv: world.bytes(suite.block) }));
        mustEqual(delivered[0]?.data ?? Uint8Array.of(1), data, () => `${length} bytes, padding ${padding}`);
        longest = Math.max(longest, padding);
      }
    }
    expect(longest).toBe(255);
    pair.release();
  });

  test.each(TLS)('%s: every byte of it, when it is wrong', (_name, suite, version) => {
    // The longest padding fits: with its length byte it is 256.
    const data = INPUT.subarray(0, 3 * suite.block - (suite.mac % suite.block));
    const paddings = paddingsOf(suite, data.length);
    expect(paddings.at(-1)).toBe(255);
    for (const padding of [paddings[0]!, paddings[1]!, 255]) {
      for (let back = 1; back <= padding + 1; back++) {
        for (const difference of [1, 0x80]) {
          const answer = first(suite, version, data, {
            padding,
            spoil(plain) {
              plain[plain.length - back]! ^= difference;
            },
          });
          mustRefuse(answer, () => `padding ${padding}, byte ${back} from the end`);
        }
      }
    }
  });

  test.each(TLS)('%s: every value of all its bytes, of which one is right', (_name, suite, version) => {
    const data = INPUT.subarray(0, 30);
    const right = leastPadding(suite, data.length);
    for (let value = 0; value < 256; value++) {
      const answer = first(suite, version, data, { spoil: (plain) => plain.fill(value, plain.length - right - 1) });
      if (value === right) expect(answer.delivered.map((each) => each.data)).toEqual([data]);
      else mustRefuse(answer, () => `${value}`);
    }
  });

  test.each(TLS)('%s: every bit of data, MAC and padding', (_name, suite, version) => {
    const data = INPUT.subarray(0, 5);
    const bits = 8 * (data.length + suite.mac + leastPadding(suite, data.length) + 1);
    for (let bit = 0; bit < bits; bit++) {
      mustRefuse(first(suite, version, data, { spoil: flip(bit) }), () => `bit ${bit}`);
    }
  });

  test.each(BLOCKS)('%s: more of it than there is record', (_name, suite, version) => {
    const slots = crypto.bytes.slice(crypto.wasm.SLOTS.value + crypto.wasm.SLOT_BYTES.value);
    for (const length of [0, 100, 230]) {
      const data = INPUT.subarray(0, length);
      const whole = length + suite.mac + leastPadding(suite, length) + 1;
      for (let value = whole - suite.mac; value < 256; value++) {
        const answer = first(suite, version, data, { spoil: (plain) => plain.fill(value) });
        mustRefuse(answer, () => `${whole} bytes of ${value}`);
      }
    }
    mustEqual(crypto.bytes.subarray(crypto.bytes.length - slots.length), slots, () => 'slots of others');
  });

  // RFC 6101 §5.2.3.2: the content may be anything; data, MAC and the length may not.
  test.each(SSL)('%s: exactly the bits of its content may be changed', (_name, suite, version) => {
    for (const length of [0, 1, 3, 4, 5, suite.block - 1]) {
      const data = INPUT.subarray(0, length);
      const guarded = 8 * (length + suite.mac);
      const content = 8 * leastPadding(suite, length);
      for (let bit = 0; bit < guarded + content + 8; bit++) {
        const answer = first(suite, version, data, { spoil: flip(bit) });
        if (bit >= guarded && bit < guarded + content) {
          mustEqual(answer.delivered[0]?.data ?? Uint8Array.of(1), data, () => `${length} bytes, bit ${bit}`);
        } else {
          mustRefuse(answer, () => `${length} bytes, bit ${bit}`);
        }
      }
    }
  });

  test.each(SSL)('%s: every length, of which one is right; none is longer than a block', (_name, suite, version) => {
    for (const length of [0, 3, suite.block - 1]) {
      const data = INPUT.subarray(0, length);
      for (let value = 0; value < 256; value++) {
        const answer = first(suite, version, data, { spoil: (plain) => plain.fill(value, plain.length - 1) });
        if (value === leastPadding(suite, length)) expect(answer.delivered).toHaveLength(1);
        else mustRefuse(answer, () => `${value}`);
      }
      for (const padding of paddingsOf(suite, length).slice(1)) {
        mustRefuse(first(suite, version, data, { padding }), () => `padding ${padding}`);
      }
    }
  });

  /**
   * Möller, Duong and Kotowicz, "This POODLE Bites" (2014): a last block that is all padding may be any block of which
   * the last byte decrypts to the padding's length. That is one in 256, and it tells of a byte of plain text.
   */
  test.each(SSL)('%s: what a last block of padding lets pass', (_name, suite, version) => {
    const length = 3 * suite.block - (suite.mac % suite.block);
    const data = INPUT.subarray(0, length);
    let passed = 0;
    for (let seed = 1; seed <= 12; seed++) {
      const keys = makeKeys(suite, new World(seed));
      const record = new RecordTwin(suite, version, keys).seal(DATA, data);
      const last = record.length - suite.block;
      for (let bit = 0; bit < suite.block * 8; bit++) {
        const wrong = record.slice();
        flip(bit)(wrong.subarray(last));
        const cipherKey = keys.subarray(suite.mac, suite.mac + suite.key);
        const before = wrong.subarray(last - suite.block, last);
        const plain = reference.cbc(suite.cipher!, 'decrypt', cipherKey, before, wrong.subarray(last));
        const reader = new RecordReader(crypto);
        reader.protect(suite.id, version, keys);
        const answer = read(reader, wrong);
        reader.release();
        if (plain.at(-1) === suite.block - 1) {
          mustEqual(answer.delivered[0]?.data ?? Uint8Array.of(1), data, () => `seed ${seed}, bit ${bit}`);
          passed++;
        } else {
          mustRefuse(answer, () => `seed ${seed}, bit ${bit}`);
        }
      }
    }
    // It does happen.
    expect(passed).toBeGreaterThan(0);
    expect(passed).toBeLessThan((12 * suite.block * 8) / 64);
  });

  test('no slot was lost', () => {
    expect(crypto.slotsFree).toBe(64);
  });
});

function flip(bit: number): (bytes: Uint8Array) => void {
  return (bytes) => {
    bytes[bit >> 3]! ^= 1 << (bit & 7);
  };
}
