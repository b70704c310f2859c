import { describe, expect, test } from 'vitest';
import { Doorkeeper, MAX_DELAY_MS } from '../../../engine/server/doorkeeper.ts';
import { isLocal, sourceOf } from '../../../engine/server/source.ts';
import { sha0 } from '../../support/sha0.ts';

const MINUTE = 60_000;

function keeper() {
  const lines: { message: string; fields: Readonly<Record<string, unknown>> | undefined }[] = [];
  const doorkeeper = new Doorkeeper({
    sha0,
    random: (count) => new Uint8Array(count).fill(7),
    log: (_level, message, fields) => lines.push({ message, fields }),
  });
  const at = (source: string, user = 'alice') => ({ hub: 'lab', user, source });
  /** Milliseconds that a login has to wait, which is looked at then. */
  const delay = (source: string, now: number, user?: string): number => {
    const wait = doorkeeper.hold(at(source, user), now);
    if (wait === undefined) return 0;
    if (wait === 'full') return Number.POSITIVE_INFINITY;
    wait.release();
    return wait.until - now;
  };
  const fail = (source: string, now: number, times = 1, user?: string) => {
    for (let i = 0; i < times; i++) doorkeeper.failed(at(source, user), now);
  };
  return { doorkeeper, lines, at, delay, fail };
}

describe('a source', () => {
  test('waits longer with every failure, up to what clients wait for', () => {
    const { delay, fail } = keeper();
    const delays = Array.from({ length: 10 }, (_, i) => {
      const found = delay('192.0.2.1', 0, 'nobody-in-particular');
      // Another account each time: it is the source that fails.
      fail('192.0.2.1', 0, 1, `user${i}`);
      return found;
    });
    expect(delays).toEqual([0, 0, 0, 500, 1000, 2000, 4000, 8000, MAX_DELAY_MS, MAX_DELAY_MS]);
    expect(MAX_DELAY_MS).toBeLessThan(15_000);
  });

  test('is forgiven with time', () => {
    const { delay, fail } = keeper();
    fail('192.0.2.1', 0, 8);
    expect(delay('192.0.2.1', 0, 'bob')).toBe(MAX_DELAY_MS);
    expect(delay('192.0.2.1', 10 * MINUTE, 'bob')).toBe(1000);
    expect(delay('192.0.2.1', 30 * MINUTE, 'bob')).toBe(0);
  });

  test('does not slow others', () => {
    const { delay, fail } = keeper();
    fail('192.0.2.1', 0, 8);
    expect(delay('192.0.2.2', 0, 'bob')).toBe(0);
  });

  test('is not faster with several logins at once, and only a few of them wait', () => {
    const { doorkeeper, at, fail } = keeper();
    fail('192.0.2.1', 0, 3);
    const waits = Array.from({ length: 5 }, () => doorkeeper.hold(at('192.0.2.1', 'bob'), 0));
    expect(waits.map((wait) => (typeof wait === 'object' ? wait.until : wait))).toEqual([
      500,
      1000,
      2000,
      4000,
      'full',
    ]);
    expect(doorkeeper.status(0)).toMatchObject({ waiting: 4, turnedAway: 1, delayed: 4 });
    if (typeof waits[0] === 'object') waits[0].release();
    expect(doorkeeper.hold(at('192.0.2.1', 'bob'), 0)).toMatchObject({ until: 4000 });
  });

  test.each([
    ['203.0.113.9', '203.0.113.9'],
    ['::ffff:203.0.113.9', '203.0.113.9'],
    ['2001:db8:1:2:aaaa::1', '2001:db8:1:2::/64'],
    ['2001:db8:1:2:bbbb::7', '2001:db8:1:2::/64'],
    ['2001:db8:1:3::1', '2001:db8:1:3::/64'],
  ])('%s is %s', (address, source) => {
    expect(sourceOf(address)).toBe(source);
  });
});

describe('an account', () => {
  test('that many sources attack is slow for those who are new to it, and for nobody else', () => {
    const { doorkeeper, at, delay, fail } = keeper();
    doorkeeper.succeeded(at('198.51.100.1'));
    for (let i = 0; i < 200; i++) fail(`192.0.2.${i}`, 0);
    expect(delay('198.51.100.2', 0)).toBe(MAX_DELAY_MS);
    expect(delay('198.51.100.1', 0)).toBe(0);
    expect(delay('198.51.100.2', 0, 'bob')).toBe(0);
    // Nor for one who is new, for ever.
    expect(delay('198.51.100.2', 60 * MINUTE)).toBeLessThan(500 * 2);
  });

  test('is let into at once from where it was, but not for guessing on', () => {
    const { doorkeeper, at, delay, fail } = keeper();
    doorkeeper.succeeded(at('198.51.100.1'));
    fail('198.51.100.1', 0, 4);
    expect(delay('198.51.100.1', 0)).toBe(0);
    fail('198.51.100.1', 0, 1);
    expect(delay('198.51.100.1', 0)).toBe(2000);
    doorkeeper.succeeded(at('198.51.100.1'));
    expect(delay('198.51.100.1', 0)).toBe(0);
    // What bob did there does not make alice wait, and what alice may does not help him.
    fail('198.51.100.1', 0, 3, 'bob');
    expect(delay('198.51.100.1', 0)).toBe(0);
    expect(delay('198.51.100.1', 0, 'bob')).toBe(MAX_DELAY_MS);
  });

  test('that does not exist is treated as one that does', () => {
    const real = keeper();
    const none = keeper();
    real.doorkeeper.succeeded(real.at('198.51.100.1', 'alice'));
    for (let i = 0; i < 50; i++) {
      real.fail(`192.0.2.${i}`, i * 1000, 1, 'alice');
      none.fail(`192.0.2.${i}`, i * 1000, 1, 'nobody');
      expect(none.delay('203.0.113.1', i * 1000, 'nobody')).toBe(real.delay('203.0.113.1', i * 1000, 'alice'));
    }
  });

  test('is not forgotten for a flood of other names', () => {
    const { delay, fail } = keeper();
    for (let i = 0; i < 30; i++) fail(`192.0.2.${i}`, 0);
    const before = delay('203.0.113.1', 0);
    expect(before).toBeGreaterThan(0);
    for (let i = 0; i < 20_000; i++) fail('192.0.2.77', 0, 1, `junk${i}`);
    expect(delay('203.0.113.1', 0)).toBeGreaterThanOrEqual(before);
  });
});

describe('the tables', () => {
  test('have a bound, and the places for those who wait have one', () => {
    const { doorkeeper, at, fail } = keeper();
    for (let i = 0; i < 20_000; i++) fail(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, 0, 4, `user${i}`);
    const { slowedSources, slowedUsers } = doorkeeper.status(0);
    expect(slowedSources).toBe(16_384);
    expect(slowedUsers).toBeLessThanOrEqual(4_096);
    // Those that have failed do not take the places of those that have not.
    const bad = Array.from({ length: 2_000 }, (_, i) => 19_999 - i).map((i) =>
      doorkeeper.hold(at(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`), 0),
    );
    expect(bad.filter((wait) => wait !== 'full')).toHaveLength(512);
    for (let i = 0; i < 40; i++) fail(`192.0.2.${i}`, 0);
    const fresh = Array.from({ length: 2_000 }, (_, i) => doorkeeper.hold(at(`172.16.${i >> 8}.${i & 255}`), 0));
    expect(fresh.filter((wait) => wait !== 'full')).toHaveLength(512);
    expect(doorkeeper.status(0)).toMatchObject({ waiting: 1_024, turnedAway: 1_488 + 1_488 });
  });

  test('keep the places of a user up to a few', () => {
    const { doorkeeper, at, delay, fail } = keeper();
    for (let i = 0; i < 40; i++) doorkeeper.succeeded(at(`198.51.100.${i}`));
    fail('192.0.2.1', 0, 60);
    expect(delay('198.51.100.39', 0)).toBe(0);
    expect(delay('198.51.100.8', 0)).toBe(0);
    expect(delay('198.51.100.7', 0)).toBe(MAX_DELAY_MS);
  });
});

test('the log is told when it starts and when it is at its worst, not of each failure', () => {
  const { lines, fail } = keeper();
  fail('192.0.2.1', 0, 100);
  expect(lines.map(({ message, fields }) => [message, fields?.source ?? fields?.user, fields?.delaySeconds])).toEqual([
    ['logins of a source are slowed', '192.0.2.1', 0.5],
    ['logins of a source are slowed', '192.0.2.1', 10],
    ['logins of a user are slowed for those who are new to it', 'alice', 0.5],
    ['logins of a user are slowed for those who are new to it', 'alice', 10],
  ]);
  lines.length = 0;
  // Long afterwards it is news again.
  fail('192.0.2.1', 300 * MINUTE, 4);
  expect(lines.map(({ fields }) => fields?.source)).toEqual(['192.0.2.1']);
});

test.each([
  ['127.0.0.1', '127.0.0.1', true],
  ['127.9.9.9', '127.0.0.1', true],
  ['::1', '::1', true],
  ['::ffff:127.0.0.1', '::ffff:127.0.0.1', true],
  ['10.0.0.1', '10.0.0.1', true],
  ['::ffff:10.0.0.1', '10.0.0.1', true],
  ['2001:db8::1', '2001:DB8:0::1', true],
  ['10.0.0.2', '10.0.0.1', false],
  ['2001:db8::2', '2001:db8::1', false],
])('%s at %s is on one machine: %s', (remote, local, same) => {
  expect(isLocal(remote, local)).toBe(same);
});
