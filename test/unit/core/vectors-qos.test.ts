import { describe, expect, test } from 'vitest';
import { hex } from '../../sim/frames.ts';
import { World } from '../../sim/world.ts';
import { BUILDS, Rig } from './rig.ts';
import { isPriority } from './twin-frame.ts';
import { jsonVector } from './vectors.ts';

interface Case {
  readonly case: string;
  readonly frame_hex: string | null;
  readonly priority: boolean;
}

const CASES = jsonVector<Case[]>('qos-classification.json');
const RECORDED = CASES.filter((each) => each.frame_hex !== null).map((each) => [each.case, each] as const);
/** Too long to be recorded: rebuilt from the name and tested below. */
const DESCRIBED = CASES.filter((each) => each.frame_hex === null).map((each) => [each.case, each] as const);

function ipv4(length: number, tos: number, protocol: number): Uint8Array {
  const frame = new Uint8Array(length).fill(0x71);
  frame.set([0x5e, 0, 0, 0, 0, 2, 0x5e, 0, 0, 0, 0, 1, 0x08, 0x00, 0x45, tos].slice(0, length));
  if (length > 23) frame[23] = protocol;
  return frame;
}

test('every case of qos-classification.json is recorded or can be rebuilt', () => {
  for (const [name] of DESCRIBED) expect(name).toMatch(/^ICMP .*\b\d+ bytes/);
  expect(RECORDED.length).toBeGreaterThan(10);
});

describe.each(BUILDS)('%s: priority', (build) => {
  const rig = new Rig(build);

  test.each(RECORDED)('%s', (_name, each) => {
    expect(rig.core.isPriority(hex(each.frame_hex!))).toBe(each.priority);
  });

  for (const [name, each] of DESCRIBED) {
    test(name, () => {
      const length = Number(/\b(\d+) bytes/.exec(name)?.[1]);
      expect(rig.core.isPriority(ipv4(length, 0, 1))).toBe(each.priority);
    });
  }

  test('all 256 ToS values at the shortest lengths that count', () => {
    for (let tos = 0; tos < 256; tos++) {
      const high = tos !== 0x00 && tos !== 0x08;
      expect(rig.core.isPriority(ipv4(15, tos, 17)), `ToS ${tos}, 15 bytes`).toBe(false);
      expect(rig.core.isPriority(ipv4(16, tos, 17)), `ToS ${tos}, 16 bytes`).toBe(high);
      expect(rig.core.isPriority(ipv4(1514, tos, 17)), `ToS ${tos}, 1514 bytes`).toBe(high);
    }
  });

  test.each([
    [33, false],
    [34, true],
    [128, true],
    [129, false],
    [1514, false],
  ])('ICMP of %i bytes: %s', (length, priority) => {
    expect(rig.core.isPriority(ipv4(length, 0x00, 1))).toBe(priority);
    expect(rig.core.isPriority(ipv4(length, 0x08, 1))).toBe(priority);
    expect(rig.core.isPriority(ipv4(length, 0x10, 1))).toBe(true);
  });

  test('all 256 protocols', () => {
    for (let protocol = 0; protocol < 256; protocol++) {
      expect(rig.core.isPriority(ipv4(60, 0, protocol)), `protocol ${protocol}`).toBe(protocol === 1);
    }
  });

  test('the twin agrees on random frames', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const world = new World(seed);
      for (let i = 0; i < 200; i++) {
        const frame = world.bytes(world.pick(160));
        if (world.chance() < 0.8 && frame.length > 14) frame.set([0x08, 0x00], 12);
        if (world.chance() < 0.5 && frame.length > 24) {
          frame[15] = world.pick(2) * 8;
          frame[23] = world.pick(3);
        }
        expect(rig.core.isPriority(frame), `seed ${seed}, frame ${i}`).toBe(isPriority(frame));
      }
    }
  });
});
