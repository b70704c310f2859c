import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { MachineChange } from '../../engine/host.ts';
import { isAlive, ownIdentity, sameNetwork } from '../../hosts/linux/machine/identity.ts';
import { deadJournals, Journal } from '../../hosts/linux/machine/journal.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'etherloom-test-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const rule = (priority: number): MachineChange => ({ kind: 'rule', family: 4, priority, table: 'main' });

/** A journal of another process. */
function write(name: string, head: object, ...lines: readonly (object | string)[]): void {
  const text = [head, ...lines].map((line) => (typeof line === 'string' ? line : JSON.stringify(line)));
  writeFileSync(join(directory, name), `${text.join('\n')}\n`, { mode: 0o600 });
}

test('a journal is private, and gone with its end', () => {
  const journal = new Journal([directory]);
  const [name = ''] = readdirSync(directory);
  expect(name).toMatch(/^machine-\d+-\d+\.journal$/);
  expect(statSync(join(directory, name)).mode & 0o777).toBe(0o600);
  // Its process is alive: nobody else touches it.
  journal.add({ key: 'a', change: rule(1) });
  expect(deadJournals([directory])).toEqual([]);
  journal.end();
  expect(readdirSync(directory)).toEqual([]);
});

test('it goes where it can be written, and says why it cannot', () => {
  const blocked = join(directory, 'file');
  writeFileSync(blocked, '');
  const journal = new Journal([join(blocked, 'x'), join(directory, 'y')]);
  expect(journal.directory).toBe(join(directory, 'y'));
  expect(() => new Journal([join(blocked, 'x')])).toThrow(/cannot write a journal of what is changed: .*file\/x/);
});

describe('of a process that is gone', () => {
  const own = ownIdentity();

  test('what was not undone is found in its order, also behind a line that was cut off', () => {
    const head = { version: 1, ...own, pid: 4_194_304 };
    write(
      'machine-4194304-1.journal',
      head,
      { key: 'a', change: rule(1) },
      { key: 'b', change: rule(2), saved: { table: 'first' } },
      { undone: 'a' },
      { key: 'c', change: rule(3) },
      // It took the place of an earlier one: what was before both counts.
      { key: 'b', change: rule(4), saved: { table: 'second' } },
      '{"key":"d","chan',
    );
    const [found] = deadJournals([join(directory, 'nowhere'), directory]);
    expect(found?.entries).toEqual([
      { key: 'b', change: rule(4), saved: { table: 'first' } },
      { key: 'c', change: rule(3) },
    ]);
    expect(sameNetwork(found!.identity)).toBe(true);
    found?.remove();
    expect(readdirSync(directory)).toEqual([]);
  });

  test('another process may have its number', () => {
    const later = { ...own, start: String(Number(own.start) - 1) };
    expect(isAlive(own)).toBe(true);
    expect(isAlive(later)).toBe(false);
    write(`machine-${own.pid}-${later.start}.journal`, { version: 1, ...later }, { key: 'a', change: rule(1) });
    expect(deadJournals([directory])).toHaveLength(1);
  });

  test('an earlier boot is another machine', () => {
    const before = { ...own, boot: 'another' };
    expect([isAlive(before), sameNetwork(before)]).toEqual([false, false]);
    expect(sameNetwork({ ...own, network: '4:1' })).toBe(false);
  });

  test('what is no journal is passed over', () => {
    write('machine-1-1.journal', { version: 2, ...own, pid: 4_194_304 });
    write('other', { version: 1, ...own, pid: 4_194_304 });
    writeFileSync(join(directory, 'machine-2-2.journal'), '');
    expect(deadJournals([directory])).toEqual([]);
  });
});
