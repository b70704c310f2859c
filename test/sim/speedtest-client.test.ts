import { describe, expect, test } from 'vitest';
import { encodeHeader, encodeReport, GREETING, STOP } from '../../engine/speedtest/wire.ts';
import { type Raw, SpeedtestLab } from './speedtest-lab.ts';

describe('our client and our server', () => {
  test.each([
    { type: 'full', connections: 2, downloads: 1, uploads: 1 },
    { type: 'full', connections: 3, downloads: 2, uploads: 1 },
    { type: 'full', connections: 32, downloads: 16, uploads: 16 },
    { type: 'upload', connections: 1, downloads: 0, uploads: 1 },
    { type: 'upload', connections: 8, downloads: 0, uploads: 8 },
    { type: 'download', connections: 1, downloads: 1, uploads: 0 },
  ] as const)('$type with $connections', async ({ type, connections, downloads, uploads }) => {
    const lab = new SpeedtestLab();
    await lab.serve();
    const run = lab.measure({ type, connections });
    const end = await lab.finish(run);
    expect(run.events[0]).toEqual({ kind: 'started', downloads, uploads, latency: true });
    if (end.kind !== 'done') throw new Error(JSON.stringify(end));
    const { result } = end;
    expect(result.spanMs).toBe(1_000);
    // 32 KiB at a time in each 5 ms there, from one write to the next.
    const most = (0x8000 * 1_100) / 5;
    for (const [found, flows] of [[result.download, downloads] as const, [result.upload, uploads] as const]) {
      expect(found.bytes).toBeLessThan(flows * most + 1);
      expect(found.bytes).toBeGreaterThanOrEqual(flows * most * 0.5);
      expect(found.bitsPerSecond).toBe(found.bytes * 8);
    }
    expect(result.total).toEqual({
      bytes: result.download.bytes + result.upload.bytes,
      bitsPerSecond: result.download.bitsPerSecond + result.upload.bitsPerSecond,
    });
    // Two times 5 ms of line, and nothing that stands in the way of the echo.
    expect(result.latency).toMatchObject({ idle: { medianMs: 10, maxMs: 10 }, load: { medianMs: 10 }, unanswered: 0 });
    expect(result.latency!.load!.count).toBeGreaterThan(40);

    await lab.world.run(50);
    expect(lab.runs).toMatchObject([
      { peer: '10.0.0.2', direction: type, connections, receivedBytes: result.upload.bytes, latency: true },
    ]);
    expect(lab.runs[0]!.sentBytes).toBeGreaterThanOrEqual(result.download.bytes);
    expect(lab.net.connections.filter(({ client, server }) => !client.closed || !server.closed)).toEqual([]);
    const progress = run.events.filter(({ kind }) => kind === 'progress');
    expect(progress.map((event) => event.kind === 'progress' && event.elapsedMs)).toEqual([200, 400, 600, 800, 1_000]);
  });

  test('without latency there is one connection less, and no round trips', async () => {
    const lab = new SpeedtestLab();
    await lab.serve();
    const end = await lab.finish(lab.measure({ latency: false, correction: true, double: true }));
    expect(lab.net.connections).toHaveLength(2);
    expect(end).toMatchObject({ kind: 'done', result: { correction: true, double: true } });
    expect(end.kind === 'done' && end.result.latency).toBe(undefined);
  });

  test('bytes one at a time, with every header and report in pieces', async () => {
    const lab = new SpeedtestLab();
    lab.net.link = { latencyMs: 5, pieces: 'bytes', window: 0x400 };
    await lab.serve();
    const end = await lab.finish(lab.measure({ durationMs: 500 }));
    expect(end).toMatchObject({ kind: 'done', result: { latency: { unanswered: 0 } } });
    await lab.world.run(50);
    expect(lab.runs).toMatchObject([{ receivedBytes: end.kind === 'done' && end.result.upload.bytes }]);
  });

  test('closed on request, it leaves nothing', async () => {
    const lab = new SpeedtestLab();
    await lab.serve();
    const run = lab.measure({ connections: 8 });
    await lab.world.run(800);
    run.close();
    expect(await lab.finish(run)).toEqual({ kind: 'closed' });
    await lab.world.run(50);
    expect(lab.runs).toHaveLength(1);
    expect(lab.net.connections.every(({ client, server }) => client.closed && server.closed)).toBe(true);
  });
});

/** A peer that does what the reference does with what it does not know: anything but 0 is a download. */
function serveDownloads(raw: Raw, headers: Uint8Array[]): void {
  raw.send(GREETING);
  let first = true;
  raw.onData = (bytes) => {
    if (!first) return;
    first = false;
    headers.push(bytes.slice());
    if (bytes[0] !== 0) raw.send(new Uint8Array(1_000).fill(0x62));
  };
}

test('a server without echoes gets the question once, first, and is measured without', async () => {
  const lab = new SpeedtestLab();
  lab.net.link = { latencyMs: 5, pieces: 'whole', window: 0x8000 };
  const headers: Uint8Array[] = [];
  await lab.serveRaw((raw) => serveDownloads(raw, headers));
  const run = lab.measure({ type: 'download', connections: 2 });
  const end = await lab.finish(run);
  expect(run.events[0]).toMatchObject({ kind: 'started', latency: false });
  expect(end).toMatchObject({ kind: 'done', result: { download: { bytes: 2_000 } } });
  expect(end.kind === 'done' && end.result.latency).toBe(undefined);
  expect(headers.map((header) => header[0])).toEqual([0x45, 1, 1]);
  const id = new DataView(headers[1]!.buffer).getBigUint64(1);
  expect(headers[1]).toEqual(encodeHeader('download', id, 1_000));
  expect(headers[2]).toEqual(headers[1]);
});

describe('a server that is none, or fails', () => {
  const cases: [what: string, serve: (raw: Raw) => void, message: RegExp][] = [
    ['greets as another', (raw) => raw.send([0x53, 0x53, 0x48]), /^10\.0\.0\.1:9821 is not a server .* did not greet/],
    ['greets and goes on', (raw) => raw.send(GREETING, [1]), /is not a server .* did not greet as one/],
    ['says nothing', () => {}, /is not a server .* said nothing for 5 s/],
    ['says half', (raw) => raw.send(GREETING.subarray(0, 8)), /said nothing for 5 s/],
    ['closes', (raw) => raw.stream.close(), /closed upload connection [12] of 2 before the measurement began$/],
    ['resets', (raw) => raw.stream.abort(), /before the measurement began: the connection was reset/],
    ['closes when the run begins', later(300), /closed upload connection [12] of 2 0\.[23] s after the start$/],
    ['closes instead of a report', later(1_100), /closed upload connection [12] of 2 before it reported/],
    ['never reports', (raw) => raw.send(GREETING), /did not report within 60 s how much it got/],
    ['reports too early', report(500, 100), /stopped counting after 0\.5 s, before the time was over/],
    ['reports more than was sent', report(1_000, 2 ** 50), /not to be believed: it reports 1125899906842624 bytes/],
  ];

  function later(ms: number): (raw: Raw) => void {
    return (raw) => {
      raw.send(GREETING);
      let first = true;
      raw.onData = () => {
        if (first) lab.world.after(ms, () => raw.stream.close());
        first = false;
      };
    };
  }

  function report(ms: number, bytes: number): (raw: Raw) => void {
    return (raw) => {
      raw.send(GREETING);
      let first = true;
      raw.onData = () => {
        if (first) lab.world.after(ms, () => raw.send(encodeReport(bytes)));
        first = false;
      };
    };
  }

  let lab = new SpeedtestLab();
  test.each(cases)('%s', async (_what, serve, message) => {
    lab = new SpeedtestLab();
    lab.net.link = { latencyMs: 5, pieces: 'whole', window: 0x8000 };
    await lab.serveRaw(serve);
    const end = await lab.finish(lab.measure({ type: 'upload', latency: false }));
    expect(end).toMatchObject({ kind: 'failed', message: expect.stringMatching(message) });
    await lab.world.run(50);
    expect(lab.net.connections.every(({ client }) => client.closed)).toBe(true);
  });

  test('is not there', async () => {
    lab = new SpeedtestLab();
    const end = await lab.finish(lab.measure());
    expect(end).toEqual({ kind: 'failed', message: 'the connection was refused' });
  });

  test.each([
    ['too early', new Uint8Array([STOP])],
    ['wrong', new Uint8Array(16).fill(0x45)],
  ])('answers the question for echoes %s: the run does without', async (_what, answer) => {
    lab = new SpeedtestLab();
    lab.net.link = { latencyMs: 5, pieces: 'whole', window: 0x8000 };
    await lab.serveRaw((raw) => {
      raw.send(GREETING);
      raw.onData = (bytes) => {
        if (bytes[0] === 0x45) raw.send(answer);
      };
    });
    const end = await lab.finish(lab.measure({ type: 'download' }));
    expect(end).toMatchObject({ kind: 'done', result: { download: { bytes: 0 } } });
  });
});

test('options that cannot be', () => {
  const lab = new SpeedtestLab();
  expect(() => lab.measure({ connections: 33 })).toThrow(/connections: expected a whole number from 1|2 to 32, got 33/);
  expect(() => lab.measure({ connections: 1 })).toThrow('connections: expected a whole number from 2 to 32, got 1');
  expect(() => lab.measure({ durationMs: 99 })).toThrow('durationMs: expected a whole number from 100');
  expect(lab.net.connections).toHaveLength(0);
});
