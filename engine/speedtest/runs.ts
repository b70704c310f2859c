import type { RunSummary, SpeedtestServerEvent } from './options.ts';
import { rate } from './result.ts';
import type { Visitor } from './visitor.ts';

/** A client may have 32 connections with data, and one for echoes. */
const RUN_CONNECTIONS_MAX = 32;

interface Run {
  readonly peer: string;
  /** When the first connection with data said so. */
  startedMs: number;
  readonly members: Set<Visitor>;
  latency: boolean;
  announced: boolean;
  readonly upload: Way;
  readonly download: Way;
}

/** What a run moved in one direction. */
interface Way {
  connections: number;
  bytes: number;
  firstMs: number;
  lastMs: number;
}

/** Which connections belong together. */
export class Runs {
  readonly #runs = new Map<string, Run>();
  readonly #of = new Map<Visitor, string>();
  readonly #tell: (event: SpeedtestServerEvent) => void;
  #nameless = 0;

  constructor(tell: (event: SpeedtestServerEvent) => void) {
    this.#tell = tell;
  }

  /** False: its run has as many connections as it may. */
  join(visitor: Visitor, now: number): boolean {
    const { id, purpose } = visitor.header!;
    // A connection without a session id is a run by itself.
    const key = id === undefined ? `nameless ${this.#nameless++}` : `${visitor.peer} ${id}`;
    const run = this.#runs.get(key) ?? this.#create(key, visitor.peer, now);
    if (purpose === 'echo') {
      if (run.latency) return false;
      run.latency = true;
    } else {
      if (run.upload.connections + run.download.connections >= RUN_CONNECTIONS_MAX) return false;
      run[purpose].connections++;
    }
    run.members.add(visitor);
    this.#of.set(visitor, key);
    if (purpose !== 'echo' && !run.announced) {
      run.announced = true;
      run.startedMs = now;
      this.#tell({ kind: 'run-started', peer: run.peer });
    }
    return true;
  }

  /** One upload is over: no more downloads for its run (`protocol/data-plane.md` §8). */
  quieten(visitor: Visitor): void {
    for (const member of this.#runOf(visitor)?.members ?? []) member.quieten();
  }

  leave(visitor: Visitor, now: number): void {
    const run = this.#runOf(visitor);
    if (run === undefined) return;
    this.#add(run, visitor);
    run.members.delete(visitor);
    const key = this.#of.get(visitor)!;
    this.#of.delete(visitor);
    if (run.members.size > 0) return;
    this.#runs.delete(key);
    if (run.announced) this.#tell({ kind: 'run-ended', ...summarize(run, now) });
  }

  #runOf(visitor: Visitor): Run | undefined {
    const key = this.#of.get(visitor);
    return key === undefined ? undefined : this.#runs.get(key);
  }

  #create(key: string, peer: string, now: number): Run {
    const way = (): Way => ({ connections: 0, bytes: 0, firstMs: Number.POSITIVE_INFINITY, lastMs: 0 });
    const run = { peer, startedMs: now, members: new Set<Visitor>(), latency: false, announced: false };
    const all: Run = { ...run, upload: way(), download: way() };
    this.#runs.set(key, all);
    return all;
  }

  #add(run: Run, visitor: Visitor): void {
    const { purpose } = visitor.header!;
    if (purpose === 'echo') return;
    const way = run[purpose];
    way.bytes += purpose === 'upload' ? visitor.receivedBytes : visitor.sentBytes;
    way.firstMs = Math.min(way.firstMs, visitor.firstMs);
    way.lastMs = Math.max(way.lastMs, visitor.lastMs);
  }
}

function summarize({ peer, startedMs, upload, download, latency }: Run, now: number): RunSummary {
  const average = (way: Way): number => rate(way.bytes, way.lastMs - way.firstMs);
  return {
    peer,
    direction: upload.connections === 0 ? 'download' : download.connections === 0 ? 'upload' : 'full',
    connections: upload.connections + download.connections,
    receivedBytes: upload.bytes,
    sentBytes: download.bytes,
    receivedBitsPerSecond: average(upload),
    sentBitsPerSecond: average(download),
    durationMs: Math.round(now - startedMs),
    latency,
  };
}
