/** What travels on the connections of a throughput measurement: `protocol/data-plane.md` §8. */

export const SPEEDTEST_PORT = 9821;

/** "TrafficServer", CR, LF, NUL: the first bytes from the server. */
export const GREETING: Uint8Array = ascii('TrafficServer\r\n\0');

export const HEADER_BYTES = 17;
export const REPORT_BYTES = 8;

/** The one byte that data never holds. A read of the server that begins with it ends the upload. */
export const STOP = 0x21;
/** What the client sends of it at a time, and how often, until the server reports. */
export const STOP_BYTES = 512;
export const STOP_EVERY_MS = 200;
export const REPORT_EVERY_MS = 100;

export type Direction = 'upload' | 'download';

/**
 * What a connection is for. `echo` is ours: on it the server sends back what it gets, so that round trips can be measured
 * during the run. A server that does not know it takes it for a download.
 */
export interface Header {
  readonly purpose: Direction | 'echo';
  /** The same on all connections of a run; undefined when the header was cut short. */
  readonly id: bigint | undefined;
  /** How long the client is going to measure, milliseconds; undefined when the header was cut short or says nothing. */
  readonly spanMs: number | undefined;
}

const UPLOAD = 0;
const DOWNLOAD = 1;
const ECHO = 0x45;
/** In the upper half of the span, which is 0 in every span below 49 days: "ELEC". */
const ECHO_MARK = 0x454c_4543;

/**
 * The server's answer to a header that asks for an echo. It begins with the byte that data never holds, so that its first
 * byte tells whether the server knows echoes or sends data.
 */
export const ECHO_ANSWER: Uint8Array = ascii('!Etherloom echo\n');
/** A round trip is measured with so many bytes. */
export const ECHO_BYTES = 8;

export function encodeHeader(purpose: Header['purpose'], id: bigint, spanMs: number): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  bytes[0] = purpose === 'echo' ? ECHO : purpose === 'upload' ? UPLOAD : DOWNLOAD;
  view.setBigUint64(1, id);
  if (purpose === 'echo') view.setUint32(9, ECHO_MARK);
  view.setUint32(13, spanMs);
  return bytes;
}

/** @param bytes At least one; what is missing behind it counts as not said. */
export function decodeHeader(bytes: Uint8Array): Header {
  const purpose = bytes[0] === UPLOAD ? 'upload' : 'download';
  if (bytes.length < HEADER_BYTES) return { purpose, id: undefined, spanMs: undefined };
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  const id = view.getBigUint64(1);
  if (bytes[0] === ECHO && view.getUint32(9) === ECHO_MARK) return { purpose: 'echo', id, spanMs: view.getUint32(13) };
  // More than 2 ** 53 milliseconds are as good as any number.
  const spanMs = Number(view.getBigUint64(9));
  return { purpose, id, spanMs: spanMs === 0 ? undefined : spanMs };
}

export function encodeReport(bytes: number): Uint8Array {
  const report = new Uint8Array(REPORT_BYTES);
  new DataView(report.buffer).setBigUint64(0, BigInt(bytes));
  return report;
}

export function decodeReport(bytes: Uint8Array): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset, REPORT_BYTES).getBigUint64(0);
}

/** Whether `bytes` begins as `expected` does, as far as both go. */
export function agrees(bytes: Uint8Array, expected: Uint8Array): boolean {
  const length = Math.min(bytes.length, expected.length);
  for (let i = 0; i < length; i++) if (bytes[i] !== expected[i]) return false;
  return true;
}

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
