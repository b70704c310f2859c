import { expect, test } from 'vitest';
import type { Channel } from '../../../engine/host.ts';
import { controlCongestion } from '../../../engine/session/congestion.ts';

/** A connection with this least round trip whose kernel has these. */
function channel(leastRoundTripMs: number | undefined, ...has: string[]) {
  const asked: string[] = [];
  const made = {
    tcp: () => (leastRoundTripMs === undefined ? undefined : { leastRoundTripMs }),
    useCongestion: (name: string) => {
      asked.push(name);
      return has.includes(name);
    },
  };
  return { asked, channel: made as unknown as Channel };
}

test('auto takes BBR for bulk on long ways, and something that does not pace for few frames', () => {
  for (const [ms, load, asked, restrained] of [
    [20, 'bulk', ['bbr'], true],
    [3, 'bulk', ['bbr'], true],
    [2.9, 'bulk', [], false],
    [20, 'priority', ['cubic'], false],
    [0.1, 'priority', [], false],
    [undefined, 'bulk', [], false],
  ] as const) {
    const made = channel(ms, 'bbr', 'cubic', 'reno');
    expect(controlCongestion(made.channel, 'auto', load)).toBe(restrained);
    expect(made.asked).toEqual(asked);
  }
});

test('auto does without what the kernel does not have', () => {
  const without = channel(20, 'reno');
  expect(controlCongestion(without.channel, 'auto', 'bulk')).toBe(false);
  expect(controlCongestion(without.channel, 'auto', 'priority')).toBe(false);
  expect(without.asked).toEqual(['bbr', 'cubic', 'reno']);
  expect(controlCongestion({} as Channel, 'auto', 'bulk')).toBe(false);
});

test('a name is taken as it is, and system asks for nothing', () => {
  const made = channel(20, 'vegas');
  expect(controlCongestion(made.channel, 'vegas', 'bulk')).toBe(false);
  expect(controlCongestion(made.channel, 'system', 'bulk')).toBe(false);
  expect(made.asked).toEqual(['vegas']);
  let refused = 0;
  for (const name of ['vegas', 'westwood', 'westwood', 'system', 'auto']) {
    controlCongestion(made.channel, name, 'bulk', () => refused++);
  }
  expect(refused).toBe(2);
});
