import { expect, test } from 'vitest';
import { createLog } from '../../cli/log.ts';

function collect(format: 'text' | 'json', level: 'info' | 'debug' = 'info') {
  const lines: string[] = [];
  return { lines, log: createLog({ level, format, color: false, write: (text) => void lines.push(text) }) };
}

test('JSON: one object a line, at once', () => {
  const { lines, log } = collect('json');
  log('info', 'session opened', { user: 'alice', count: 2 });
  log('debug', 'not shown');
  log('error', 'gone');
  expect(lines.every((line) => line.endsWith('\n'))).toBe(true);
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    { level: 'info', time: expect.stringMatching(/Z$/), user: 'alice', count: 2, message: 'session opened' },
    { level: 'error', time: expect.any(String), message: 'gone' },
  ]);
});

test('text: what peers sent cannot steer the terminal', () => {
  const { lines, log } = collect('text');
  const nasty = 'x\u001b[2J\u009b2J\u202ey\nz\u007f';
  const harmless = 'x\ufffd[2J\ufffd2J\ufffdy\ufffdz\ufffd';
  log('info', `message ${nasty}`, { name: nasty, cause: nasty, deep: { list: [nasty] }, err: { stack: nasty } });
  const text = lines.join('');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
  expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
  expect(text).toContain(`message ${harmless}`);
  expect(text).toContain(`"cause":"${harmless}"`);
  expect(text).toContain(`{"list":["${harmless}"]}`);
  log('info', 'plain', { user: 'jürgen 中' });
  expect(lines.at(-1)).toMatch(/INFO: plain \{"user":"jürgen 中"\}\n$/);
});

test('JSON keeps what peers sent, escaped as JSON does', () => {
  const { lines, log } = collect('json');
  log('info', 'session opened', { user: 'x\u001b\u202ey' });
  expect(JSON.parse(lines[0]!)).toMatchObject({ user: 'x\u001b\u202ey' });
});

test('text: time, level, message, fields', () => {
  const { lines, log } = collect('text', 'debug');
  log('debug', 'session opened', { user: 'alice' });
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^\[\d\d:\d\d:\d\d\.\d{3}\] DEBUG: session opened \{"user":"alice"\}\n$/);
});
