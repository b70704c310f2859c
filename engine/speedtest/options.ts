import type { SpeedtestResult } from './result.ts';
import type { Direction } from './wire.ts';

export type SpeedtestType = Direction | 'full';

/** As many as a run may have (`protocol/data-plane.md` §8), and as many as the reference takes when nobody says. */
export const CONNECTIONS_MAX = 32;
export const DEFAULT_DURATION_MS = 15_000;
export const DURATION_MIN_MS = 100;
export const DURATION_MAX_MS = 86_400_000;

export interface SpeedtestOptions {
  /** Name or address. */
  readonly host: string;
  readonly port: number;
  /** `full`: downloads and uploads at the same time. */
  readonly type: SpeedtestType;
  /** 1 to 32, of `full` 2 to 32: they alternate and the first is a download, so of an odd number one more downloads. */
  readonly connections: number;
  /** 100 to 86,400,000. */
  readonly durationMs: number;
  readonly correction: boolean;
  readonly double: boolean;
  /** Measure round trips as well, with a server that can: on one more connection. */
  readonly latency: boolean;
  /** How often `progress` is told. */
  readonly progressMs: number;
}

/** How a run is going. Bytes are those of TCP, without correction. */
export interface SpeedtestProgress {
  readonly elapsedMs: number;
  readonly downloadBytes: number;
  /** What the server's machine has, where the kernel tells; otherwise what the kernel here has taken. */
  readonly uploadBytes: number;
  /** Since the last progress. */
  readonly downloadBitsPerSecond: number;
  readonly uploadBitsPerSecond: number;
  /** The last round trip, where they are measured. */
  readonly roundTripMs?: number;
}

export type SpeedtestEvent =
  /** All connections are up, and the data is about to flow. */
  | { readonly kind: 'started'; readonly downloads: number; readonly uploads: number; readonly latency: boolean }
  | ({ readonly kind: 'progress' } & SpeedtestProgress);

export type SpeedtestEnd =
  | { readonly kind: 'done'; readonly result: SpeedtestResult }
  | { readonly kind: 'closed' }
  /** The server could not be reached, is none, or left too early. `message` says which. */
  | { readonly kind: 'failed'; readonly message: string };

export interface RunningSpeedtest {
  /** Never rejects. */
  readonly ended: Promise<SpeedtestEnd>;
  /** Ends it before its time, with no result. */
  close(): void;
}

export interface SpeedtestServerOptions {
  /** The address to listen on. */
  readonly host: string;
  /** 0 to 65535; with 0 the system chooses. */
  readonly port: number;
}

/** One run of a client, over. Connections belong to one run when they come from one address with one session id. */
export interface RunSummary {
  /** The client's address. */
  readonly peer: string;
  readonly direction: SpeedtestType;
  /** Those with data. */
  readonly connections: number;
  /** Uploaded by the client, as it was reported, headers included. */
  readonly receivedBytes: number;
  /** Given to the kernel for downloads; on a slow line some of it was still there when the client left. */
  readonly sentBytes: number;
  readonly receivedBitsPerSecond: number;
  readonly sentBitsPerSecond: number;
  /** From the first header to the end of the last connection. */
  readonly durationMs: number;
  /** Whether round trips were measured too. */
  readonly latency: boolean;
}

export type SpeedtestServerEvent =
  | { readonly kind: 'run-started'; readonly peer: string }
  | ({ readonly kind: 'run-ended' } & RunSummary);

export interface RunningSpeedtestServer {
  /** `address:port`, where clients find it. */
  readonly listener: string;
  close(): Promise<void>;
}
