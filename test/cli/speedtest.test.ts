import { describe, expect, test } from 'vitest';
import { ProgressBar } from '../../cli/progress-bar.ts';
import { formatProgress, formatRate, formatResult, formatStart } from '../../cli/speedtest-text.ts';
import type { HostError } from '../../engine/host.ts';
import type { RunSummary, SpeedtestOptions } from '../../engine/speedtest/options.ts';
import { computeResult } from '../../engine/speedtest/result.ts';
import { fakeEngine, fakeIo, runCommand, until } from './support.ts';

describe('wrong arguments end with 2 and one message', () => {
  test.each([
    [['speedtest'], "missing required argument 'host'"],
    [['speedtest', 'a b'], 'Allowed is HOST, HOST:PORT, [IPV6] or [IPV6]:PORT, with a port from 1 to 65535'],
    [['speedtest', 'h:0'], 'with a port from 1 to 65535'],
    [['speedtest', 'h', '--type', 'sideways'], 'Allowed is full, download or upload.'],
    [['speedtest', 'h', '--connections', '33'], 'Allowed is a whole number from 1 to 32.'],
    [['speedtest', 'h', '--connections', '0'], 'Allowed is a whole number from 1 to 32.'],
    [['speedtest', 'h', '--duration', '0'], 'Allowed is a whole number from 1 to 86400 (seconds).'],
    [['speedtest', 'h', '--connections', '1'], '--type full needs at least 2 connections, one for each way: got 1'],
    [['speedtest', 'server', '--listen', 'h:65536'], 'with a port from 0 to 65535'],
    [['speedtest', 'server', '--log-level', 'loud'], 'Allowed is error, warn, info, debug or trace.'],
    [['speedtest', 'server', 'surplus'], 'too many arguments'],
  ])('%j', async (argv, message) => {
    const io = fakeIo();
    expect(await runCommand(argv, io)).toBe(2);
    expect(io.err()).toContain(message);
    expect(io.out()).toBe('');
  });
});

test.each([['speedtest'], ['speedtest', 'server']])('%s %s --help has examples and exit codes', async (...name) => {
  const io = fakeIo();
  expect(await runCommand([...name, '--help'], io)).toBe(0);
  expect(io.out()).toMatch(/Usage: etherloom .*\n[\s\S]*Examples:\n {2}# [\s\S]*Exit codes:\n {4}0 {2}done/);
  expect(io.out()).toContain('9821');
});

describe('the client', () => {
  const result = computeResult(
    { spanMs: 2_000, downloadBytes: 250_000_000, uploadBytes: 1_000 },
    { correction: false, double: false },
  );

  function engineThat(end: 'done' | 'failed' | 'waits') {
    const seen: SpeedtestOptions[] = [];
    const engine = fakeEngine({
      startSpeedtest(_host, options, onEvent) {
        seen.push(options);
        onEvent({ kind: 'started', downloads: 2, uploads: 1, latency: true });
        const zero = { downloadBitsPerSecond: 8e9, uploadBitsPerSecond: 0 };
        onEvent({ kind: 'progress', elapsedMs: 1_000, downloadBytes: 1e9, uploadBytes: 0, ...zero, roundTripMs: 1.25 });
        let close = () => {};
        const ended = new Promise<Awaited<ReturnType<typeof engine.startSpeedtest>['ended']>>((resolve) => {
          if (end === 'done') resolve({ kind: 'done', result });
          if (end === 'failed') resolve({ kind: 'failed', message: 'h:9821 closed everything' });
          close = () => resolve({ kind: 'closed' });
        });
        return { ended, close: () => close() };
      },
    });
    return { engine, seen };
  }

  test('hands the defaults of the reference to the engine, and prints the result', async () => {
    const { engine, seen } = engineThat('done');
    const io = fakeIo();
    expect(await runCommand(['speedtest', 'H.example'], io, engine)).toBe(0);
    expect(seen).toEqual([
      {
        ...{ host: 'H.example', port: 9821, type: 'full', connections: 32, durationMs: 15_000 },
        ...{ correction: true, double: false, latency: true, progressMs: 200 },
      },
    ]);
    const [first = '', ...rest] = io.out().trimEnd().split('\n');
    expect(first).toBe('h.example:9821: 2 downloads and 1 upload for 15 s, measuring round trips');
    expect(rest.join('\n')).toBe(formatResult(result));
    // Without a terminal there is no bar.
    expect(io.err()).toBe('');
  });

  test('with --json prints events and the result, one in a line', async () => {
    const { engine, seen } = engineThat('done');
    const io = fakeIo({ tty: true });
    const argv = ['speedtest', '[::1]:7', '--json', '--raw', '--double', '--no-latency', '--type', 'upload'];
    expect(await runCommand([...argv, '--connections', '1', '--duration', '2'], io, engine)).toBe(0);
    expect(seen).toMatchObject([{ host: '::1', port: 7, type: 'upload', connections: 1, durationMs: 2_000 }]);
    expect(seen).toMatchObject([{ correction: false, double: true, latency: false, progressMs: 1_000 }]);
    const lines = io.out().trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line).event)).toEqual(['started', 'progress', 'result']);
    expect(JSON.parse(lines[2]!)).toEqual({ event: 'result', ...result });
    expect(io.err()).toBe('');
  });

  test('at a terminal draws a bar, and takes it away', async () => {
    const { engine } = engineThat('done');
    const io = fakeIo({ tty: true });
    await runCommand(['speedtest', 'h', '--duration', '2'], io, engine);
    const line = `[${'#'.repeat(8)}${'-'.repeat(8)}] 1.0 of 2 s  down 8.00 Gbit/s  up 0 bit/s  1.3 ms`;
    expect(io.err()).toBe(`\r${line}\u001b[K\r\u001b[K`);
  });

  test('says what failed, with 8, and what was interrupted, with 130', async () => {
    const failed = fakeIo();
    expect(await runCommand(['speedtest', 'h'], failed, engineThat('failed').engine)).toBe(8);
    expect(failed.err()).toMatch(/^error: h:9821 closed everything\n {2}run `etherloom speedtest server` there/);

    const io = fakeIo();
    const done = runCommand(['speedtest', 'h', '--json'], io, engineThat('waits').engine);
    await until(() => io.out().includes('progress'));
    io.signal('SIGINT');
    expect(await done).toBe(130);
    expect(JSON.parse(io.err())).toMatchObject({ error: { kind: 'interrupted', exitCode: 130 } });
    expect(io.listening()).toBe(0);
  });
});

describe('the server', () => {
  const run: RunSummary = {
    ...{ peer: '192.0.2.7', direction: 'full', connections: 2, receivedBytes: 1_000_017, sentBytes: 2e9 },
    ...{ receivedBitsPerSecond: 8_000_136, sentBitsPerSecond: 16e9, durationMs: 1_000, latency: false },
  };

  function engineThat() {
    const state = { closed: 0 };
    const engine = fakeEngine({
      async startSpeedtestServer(_host, { host, port }, _log, tell) {
        tell({ kind: 'run-started', peer: '192.0.2.7' });
        tell({ kind: 'run-ended', ...run });
        return {
          listener: `${host}:${port}`,
          close: async () => {
            state.closed++;
          },
        };
      },
    });
    return { engine, state };
  }

  test('says where it listens and logs every run, until a signal', async () => {
    const { engine, state } = engineThat();
    const io = fakeIo();
    const done = runCommand(['speedtest', 'server'], io, engine);
    await until(() => io.out() !== '');
    expect(io.out()).toBe('listening on 0.0.0.0:9821\n');
    expect(io.err()).toMatch(/INFO: run ended .*"peer":"192\.0\.2\.7","direction":"full","connections":2,"seconds":1/);
    expect(io.err()).toContain('"received":"976.6 KiB, 8.00 Mbit/s","sent":"1.9 GiB, 16.00 Gbit/s"');
    io.signal('SIGHUP');
    expect(await done).toBe(0);
    expect(state.closed).toBe(1);
  });

  test('with --json its events are lines on stdout', async () => {
    const { engine } = engineThat();
    const io = fakeIo();
    const done = runCommand(['speedtest', 'server', '--json', '--listen', '[::1]:0'], io, engine);
    await until(() => io.out().includes('listening'));
    io.signal('SIGTERM');
    expect(await done).toBe(0);
    const lines = io.out().trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { event: 'run-started', peer: '192.0.2.7' },
      { event: 'run-ended', ...run },
      { event: 'listening', listener: '::1:0', version: '1.2.3', pid: process.pid },
    ]);
  });

  test('a port that cannot be had ends it with 4', async () => {
    const error: HostError = { doing: 'listen', code: 'EADDRINUSE', message: 'Cannot listen on x.' };
    const engine = fakeEngine({ startSpeedtestServer: () => Promise.reject(error) });
    const io = fakeIo();
    expect(await runCommand(['speedtest', 'server'], io, engine)).toBe(4);
    expect(io.err()).toBe('error: Cannot listen on x.\n');
  });
});

describe('text', () => {
  test('a result with round trips', () => {
    const measured = { spanMs: 15_003, downloadBytes: 1_460_000_000, uploadBytes: 0 };
    const result = {
      ...computeResult(measured, { correction: true, double: false }),
      latency: { load: { count: 700, medianMs: 12.345, p99Ms: 20, maxMs: 31.5 }, unanswered: 3 },
    };
    const rows = Object.fromEntries(
      formatResult(result)
        .split('\n')
        .map((line) => line.split(/ {2,}/) as [string, ...string[]])
        .map(([name, ...values]) => [name, values]),
    );
    expect(rows).toEqual({
      'Time span': ['15,003 ms', '15.0 s'],
      'Ethernet correction': ['yes'],
      'Download volume': ['1,514,000,000 bytes', '1.51 GB'],
      'Upload volume': ['0 bytes', '0 B'],
      'Total volume': ['1,514,000,000 bytes', '1.51 GB'],
      'Throughput doubled': ['no'],
      'Download throughput': ['807,305,205 bit/s', '807.31 Mbit/s'],
      'Upload throughput': ['0 bit/s', '0 bit/s'],
      'Total throughput': ['807,305,205 bit/s', '807.31 Mbit/s'],
      'Round trip, idle': ['no answers'],
      'Round trip, loaded': ['median 12.35 ms, p99 20.00 ms, max 31.50 ms of 700, 3 unanswered'],
    });
  });

  test('rates', () => {
    expect([0, 999, 1_000, 999_999, 1_500_000, 1e15].map(formatRate)).toEqual([
      '0 bit/s',
      '999 bit/s',
      '1.00 kbit/s',
      '1.00 Mbit/s',
      '1.50 Mbit/s',
      '1000.00 Tbit/s',
    ]);
  });

  test('one way only', () => {
    const event = { kind: 'started', downloads: 0, uploads: 1, latency: false } as const;
    expect(formatStart('h:9821', { durationMs: 2_000 }, event)).toBe('h:9821: 1 upload for 2 s');
    const progress = {
      ...{ elapsedMs: 400, downloadBytes: 0, uploadBytes: 9 },
      ...{ downloadBitsPerSecond: 0, uploadBitsPerSecond: 9_000 },
    };
    const options = { type: 'upload', durationMs: 2_000 } as SpeedtestOptions;
    expect(formatProgress(progress, options)).toBe('0.4 of 2 s  up 9.00 kbit/s');
  });

  test('a bar stays within the terminal, and shows nothing where there is none', () => {
    const written: string[] = [];
    const output = { isTTY: true, columns: 20, write: (text: string) => written.push(text) > 0 };
    new ProgressBar({ ...output, isTTY: false } as never).show(0.5, 'text');
    expect(written).toEqual([]);
    new ProgressBar(output as never).show(2, 'text');
    expect(written).toEqual([`\r[${'#'.repeat(16)}] \u001b[K`]);
  });
});
