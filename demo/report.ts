import type { NodeStatus, PortStatus } from '../engine/admin/status.ts';

/** What the demo measured. */
export interface DemoResult {
  readonly runtime: string;
  readonly roundTrip: {
    readonly method: string;
    readonly minMs: number;
    readonly averageMs: number;
    readonly maxMs: number;
    readonly sent: number;
    readonly received: number;
  };
  readonly throughput: {
    readonly aliceToBobMbits: number;
    readonly bobToAliceMbits: number;
    readonly megabytes: number;
  };
  readonly tunnel: { readonly protocol: string; readonly cipher: string };
  readonly frames: { readonly hub: number; readonly dropped: number; readonly drops: Readonly<Record<string, number>> };
  /** Calls from JavaScript into WebAssembly for each frame, on the server. */
  readonly callsPerFrame: number;
  readonly seconds: number;
}

/** All drops of a node by cause. */
export function sumDrops(statuses: readonly NodeStatus[]): Record<string, number> {
  const ports = statuses.flatMap((status) =>
    status.hubs.flatMap((hub): PortStatus[] => [...hub.sessions, ...hub.taps]),
  );
  const drops: Record<string, number> = {};
  for (const [cause, count] of ports.flatMap((port) => Object.entries(port.drops))) {
    drops[cause] = (drops[cause] ?? 0) + count;
  }
  return drops;
}

/** The table at the end of the demo. */
export function renderResult(result: DemoResult): string {
  const { roundTrip, throughput, tunnel, frames } = result;
  const causes = Object.entries(frames.drops).map(([cause, count]) => `${count} ${cause}`);
  const rows: [string, string][] = [
    ['runtime', result.runtime],
    ['tunnel', `${tunnel.protocol}, ${tunnel.cipher}`],
    [
      'round trip alice-bob',
      `${roundTrip.averageMs.toFixed(2)} ms average, ${roundTrip.minMs.toFixed(2)} to ${roundTrip.maxMs.toFixed(2)} ` +
        `(${roundTrip.method}, ${roundTrip.received} of ${roundTrip.sent} answered)`,
    ],
    ['TCP alice to bob', gbits(throughput.aliceToBobMbits)],
    ['TCP bob to alice', gbits(throughput.bobToAliceMbits)],
    ['frames through the hub', frames.hub.toLocaleString('en')],
    ['frames dropped', frames.dropped === 0 ? 'none' : `${frames.dropped} (${causes.join(', ')})`],
    ['calls into WebAssembly', `${result.callsPerFrame.toFixed(3)} per frame, on the server`],
    ['time for all of it', `${result.seconds.toFixed(1)} s`],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
}

function gbits(mbits: number): string {
  return `${(mbits / 1000).toFixed(2)} Gbit/s`;
}
