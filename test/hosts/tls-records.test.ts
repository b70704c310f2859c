import { describe, expect, test } from 'vitest';
import { TlsRecords } from '../../hosts/shared/tls-records.ts';

function record(type: number, length: number, minor = 3): Buffer {
  return Buffer.concat([Buffer.from([type, 3, minor, length >> 8, length & 255]), Buffer.alloc(length, type)]);
}

/** All that comes out, after each piece of `size` bytes. */
function cut(stream: Buffer, size: number): Buffer[] {
  const records = new TlsRecords();
  const cuts: Buffer[] = [];
  for (let offset = 0; offset < stream.length; offset += size) {
    const piece = Buffer.from(stream.subarray(offset, offset + size));
    records.push(piece);
    // The memory of a read is used again.
    piece.fill(0xee);
    for (let next = records.next(); next !== undefined; next = records.next()) cuts.push(next);
  }
  return cuts;
}

describe('a stream of TLS records', () => {
  const records = [record(22, 300, 1), record(20, 1), record(23, 0x4000 + 256), record(21, 2), record(23, 0)];

  test.each([1, 2, 7, 300, 100_000])('is cut into records, read %i bytes at a time', (size) => {
    expect(cut(Buffer.concat(records), size)).toEqual(records);
  });

  test('what follows a record stays, and is given out as it is', () => {
    const tunnel = Buffer.from([0, 0, 0, 1, 23, 3, 3]);
    const reader = new TlsRecords();
    reader.push(Buffer.concat([records[0]!, tunnel]));
    expect(reader.next()).toEqual(records[0]);
    expect(reader.rest()).toEqual(tunnel);
    expect(reader.rest().length).toBe(0);
    expect(reader.next()).toBeUndefined();
  });

  test.each([
    ['text', Buffer.from('SSH-2.0-x')],
    ['an old version', Buffer.from([22, 2, 0, 0, 1])],
    ['a type that TLS does not have', Buffer.from([0x18, 3, 3, 0, 0])],
    ['a length that TLS does not have', Buffer.from([23, 3, 3, 0xff, 0xff, 1])],
  ])('%s is handed out for the TLS engine to complain of', (_name, bytes) => {
    expect(Buffer.concat(cut(bytes, 1))).toEqual(bytes);
    expect(cut(bytes, 100)).toEqual([bytes]);
  });
});
