import type { RoundTripSummary } from './round-trips.ts';

/** What was measured. */
export interface Measurement {
  /** How long data was sent, milliseconds. */
  readonly spanMs: number;
  /** Bytes in TCP: downloaded as this side counted them, uploaded as the server reported them. */
  readonly downloadBytes: number;
  readonly uploadBytes: number;
}

export interface ResultOptions {
  /** Count what the bytes take on an Ethernet: 1514 for every 1460. */
  readonly correction: boolean;
  /** The data crossed the measured link or device twice: doubles the throughputs, and not the volumes. */
  readonly double: boolean;
}

/** Bytes, and bits per second. */
export interface Volume {
  readonly bytes: number;
  readonly bitsPerSecond: number;
}

export interface SpeedtestResult extends ResultOptions {
  readonly spanMs: number;
  readonly download: Volume;
  readonly upload: Volume;
  readonly total: Volume;
  /** Round trips on a connection of their own; absent when the server has no echo, or none was wanted. */
  readonly latency?: Latency;
}

export interface Latency {
  /** Before the run; absent when nothing came back. */
  readonly idle?: RoundTripSummary;
  /** During it. */
  readonly load?: RoundTripSummary;
  /** Asked and not answered by the end. */
  readonly unanswered: number;
}

/** Ethernet frame with its header and the most TCP payload in it, without TCP options. */
const FRAME_BYTES = 1514;
const PAYLOAD_BYTES = 1460;

/** `protocol/data-plane.md` §8. Everything is rounded down to whole numbers, as the reference does. */
export function computeResult(measured: Measurement, options: ResultOptions): SpeedtestResult {
  const { spanMs } = measured;
  const volume = (payload: number): Volume => {
    const bytes = options.correction ? Math.floor((payload * FRAME_BYTES) / PAYLOAD_BYTES) : payload;
    return { bytes, bitsPerSecond: rate(bytes, spanMs, options.double) };
  };
  const download = volume(measured.downloadBytes);
  const upload = volume(measured.uploadBytes);
  const total = {
    bytes: download.bytes + upload.bytes,
    bitsPerSecond: download.bitsPerSecond + upload.bitsPerSecond,
  };
  return { correction: options.correction, double: options.double, spanMs, download, upload, total };
}

/** Bits per second. */
export function rate(bytes: number, ms: number, double = false): number {
  return ms <= 0 ? 0 : Math.floor((bytes * 8 * 1000) / ms) * (double ? 2 : 1);
}
