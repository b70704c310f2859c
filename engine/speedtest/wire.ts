/** What the measurement tool says on its connections: `protocol/data-plane.md` §8. Plain TCP, all numbers big-endian. */

/** The port of the reference's TrafficServer. */
export const SPEEDTEST_PORT = 9821;
export const CONNECTIONS_MAX = 32;

/** `TrafficServer`, CR, LF, NUL: what a server says first. */
export const GREETING = ascii('TrafficServer\r\n\0');

/** Of a header: the direction, a number that the connections of a run have in common, and how long it is to take. */
export const HEADER_BYTES = 17;
const UPLOAD = 0;
const DOWNLOAD = 1;
/** Ours, beside the reference, which takes it for a download: the connection is for round trips. */
const ECHO = 0x45;

export type Way = 'upload' | 'download' | 'echo';

export interface Header {
  readonly way: Way;
  /** Hexadecimal; empty when the header was short. */
  readonly run: string;
  /** Milliseconds; 0 when the header was short. */
  readonly spanMs: number;
}

/**
 * What a server of ours says before it sends back what it gets. The mark is in no data of a reference's server (§8.3): who
 * gets that instead has another kind of server.
 */
export const ECHO_GREETING = ascii('echo!\r\n\0');
/** A round trip: these bytes there and back. */
export const ECHO_BYTES = 16;

/** Never occurs in data: many of it end an upload. */
export const END_MARK = 0x21;
export const END_BYTES = 512;
/** What an upload came to: a number of bytes, again and again. */
export const REPORT_BYTES = 8;

/** @param run Eight random bytes. */
export function encodeHeader(way: Way, run: Uint8Array, spanMs: number): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  bytes[0] = way === 'upload' ? UPLOAD : way === 'download' ? DOWNLOAD : ECHO;
  bytes.set(run, 1);
  new DataView(bytes.buffer).setBigUint64(9, BigInt(spanMs));
  return bytes;
}

/** Of a short one, which the reference takes too, only the direction is known (§8.2). At least one byte. */
export function decodeHeader(bytes: Uint8Array): Header {
  const way = bytes[0] === UPLOAD ? 'upload' : bytes[0] === ECHO ? 'echo' : 'download';
  if (bytes.length < HEADER_BYTES) return { way: way === 'echo' ? 'download' : way, run: '', spanMs: 0 };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const run = Array.from(bytes.subarray(1, 9), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return { way, run, spanMs: Number(view.getBigUint64(9)) };
}

export function encodeReport(bytes: number): Uint8Array {
  const report = new Uint8Array(REPORT_BYTES);
  new DataView(report.buffer).setBigUint64(0, BigInt(bytes));
  return report;
}

export function decodeReport(report: Uint8Array): number {
  return Number(new DataView(report.buffer, report.byteOffset, REPORT_BYTES).getBigUint64(0));
}

/** Bytes of an upload in a chunk: all, or those in front of the mark. As data has no mark, its last byte tells. */
export function dataBefore(chunk: Uint8Array): number {
  return chunk.at(-1) === END_MARK ? chunk.indexOf(END_MARK) : chunk.length;
}

/** Data that nothing on the way can compress, without the mark. */
export function content(bytes: number, random: (bytes: number) => Uint8Array): Uint8Array {
  // Four random bytes are enough to tell runs apart; what follows is a xorshift (Marsaglia 2003), which need not be secret.
  const seed = random(4);
  let state = new DataView(seed.buffer, seed.byteOffset).getUint32(0) | 1;
  const data = new Uint8Array(bytes);
  for (let i = 0; i < bytes; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    const byte = (state >>> 11) & 0xff;
    data[i] = byte === END_MARK ? 0x5f : byte;
  }
  return data;
}

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
