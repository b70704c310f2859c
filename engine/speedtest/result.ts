/** What a run came to, computed as the reference's TrafficClient does it: `protocol/data-plane.md` §8. */

import type { Spread } from './latency.ts';

/** A full frame of Ethernet for the TCP payload in it. */
export const ETHERNET_CORRECTION = 1514 / 1460;

export interface Measured {
  readonly elapsedMs: number;
  /** Bytes of TCP payload. */
  readonly downloadBytes: number;
  readonly uploadBytes: number;
}

export interface ResultOptions {
  /** Count TCP payload only, not what Ethernet makes of it. */
  readonly raw: boolean;
  /** The machine between both ends has every byte twice, once in and once out. */
  readonly double: boolean;
}

export interface SpeedtestResult extends ResultOptions {
  readonly elapsedMs: number;
  readonly connections: number;
  readonly download: Volume;
  readonly upload: Volume;
  readonly total: Volume;
  /** Round trips before and during the run, ms; of a server of ours only. */
  readonly latency?: { readonly idle: Spread; readonly loaded: Spread };
}

export interface Volume {
  readonly bytes: number;
  /** Average. */
  readonly bitsPerSecond: number;
}

export function computeResult(
  { elapsedMs, downloadBytes, uploadBytes }: Measured,
  { raw, double }: ResultOptions,
): Pick<SpeedtestResult, 'download' | 'upload' | 'total'> {
  const volume = (payload: number): Volume => {
    const bytes = raw ? payload : Math.floor(payload * ETHERNET_CORRECTION);
    const rate = elapsedMs > 0 ? (bytes * 8 * 1000) / elapsedMs : 0;
    return { bytes, bitsPerSecond: Math.floor(double ? rate * 2 : rate) };
  };
  const [download, upload] = [volume(downloadBytes), volume(uploadBytes)];
  const total = {
    bytes: download.bytes + upload.bytes,
    bitsPerSecond: download.bitsPerSecond + upload.bitsPerSecond,
  };
  return { download, upload, total };
}
