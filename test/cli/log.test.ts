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

test('text: time, level, message, fields', () => {
  const { lines, log } = collect('text', 'debug');
  log('debug', 'session opened', { user: 'alice' });
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^\[\d\d:\d\d:\d\d\.\d{3}\] DEBUG: session opened \{"user":"alice"\}\n$/);
});
