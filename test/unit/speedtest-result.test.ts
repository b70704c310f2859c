import { describe, expect, test } from 'vitest';
import { createFiller, FILLER_BYTES } from '../../engine/speedtest/filler.ts';
import { computeResult } from '../../engine/speedtest/result.ts';
import { RoundTrips } from '../../engine/speedtest/round-trips.ts';
import { decodeHeader, decodeReport, encodeHeader, encodeReport } from '../../engine/speedtest/wire.ts';

describe('the result', () => {
  test('is that of the reference: 897,777 raw bytes in 2.005 s, doubled', () => {
    const measured = { spanMs: 2_005, downloadBytes: 0, uploadBytes: 897_777 };
    expect(computeResult(measured, { correction: false, double: true })).toEqual({
      ...{ correction: false, double: true, spanMs: 2_005 },
      download: { bytes: 0, bitsPerSecond: 0 },
      upload: { bytes: 897_777, bitsPerSecond: 7_164_304 },
      total: { bytes: 897_777, bitsPerSecond: 7_164_304 },
    });
  });

  test('corrected, counts 1514 for 1460 before the throughput', () => {
    const measured = { spanMs: 1_000, downloadBytes: 1_460, uploadBytes: 2_920 };
    expect(computeResult(measured, { correction: true, double: false })).toMatchObject({
      download: { bytes: 1_514, bitsPerSecond: 12_112 },
      upload: { bytes: 3_028, bitsPerSecond: 24_224 },
      total: { bytes: 4_542, bitsPerSecond: 36_336 },
    });
  });

  test('of no time is no throughput', () => {
    const result = computeResult({ spanMs: 0, downloadBytes: 1, uploadBytes: 1 }, { correction: false, double: false });
    expect(result.total).toEqual({ bytes: 2, bitsPerSecond: 0 });
  });
});

test('round trips by nearest rank', () => {
  const trips = new RoundTrips();
  expect(trips.summary()).toBe(undefined);
  for (let ms = 200; ms >= 1; ms--) trips.add(ms);
  expect(trips.summary()).toEqual({ count: 200, medianMs: 100, p99Ms: 198, maxMs: 200 });
});

describe('the wire', () => {
  test('headers', () => {
    const id = 0x0102_0304_0506_0708n;
    const bytes = Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0, 0x3a, 0x98);
    expect(encodeHeader('upload', id, 15_000)).toEqual(bytes);
    expect(decodeHeader(bytes)).toEqual({ purpose: 'upload', id, spanMs: 15_000 });
    expect(decodeHeader(bytes.subarray(0, 16))).toEqual({ purpose: 'upload', id: undefined, spanMs: undefined });
    for (const purpose of ['upload', 'download', 'echo'] as const)
      expect(decodeHeader(encodeHeader(purpose, id, 7))).toEqual({ purpose, id, spanMs: 7 });
    expect(decodeHeader(new Uint8Array(17).fill(0xff))).toMatchObject({ purpose: 'download' });
  });

  test('reports', () => {
    expect(encodeReport(10_017)).toEqual(Uint8Array.of(0, 0, 0, 0, 0, 0, 0x27, 0x21));
    expect(decodeReport(new Uint8Array(8).fill(0xff))).toBe(0xffff_ffff_ffff_ffffn);
  });

  test('data never holds "!"', () => {
    let next = 0;
    const filler = createFiller((count) => Uint8Array.from({ length: count }, () => next++ & 0xff));
    expect(filler.length).toBe(FILLER_BYTES);
    expect(filler.includes(0x21)).toBe(false);
    expect(new Set(filler).size).toBe(255);
  });
});
