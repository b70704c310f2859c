/** `npm run bench -- bare`: the stream of a session without encryption, against a socket that never had TLS. */

import { join } from 'node:path';
import { ensureCertificate } from '../cli/certificate.ts';
import { Lab, type LabHost } from '../lab/netns.ts';
import { projectRoot, type Runtime, runtimePath } from '../lab/runtime.ts';
import { table } from './table.ts';
import { median } from './tunnel/statistics.ts';

export interface BareResult {
  readonly runtime: Runtime;
  /** Gbit/s, medians. */
  readonly bare: number;
  readonly plain: number;
  /** Median of the ratios of each round. */
  readonly ratio: number;
}

export interface BareOptions {
  readonly rounds: number;
  readonly seconds: number;
  readonly runtimes: readonly Runtime[];
  readonly say: (text: string) => void;
}

const ADDRESS = '10.99.0.1';
const PORT = '5556';

export async function runBare(options: BareOptions): Promise<BareResult[]> {
  const lab = await Lab.create();
  try {
    const [server, client] = [await lab.addHost('server'), await lab.addHost('client')];
    await lab.cable({ host: server, address: `${ADDRESS}/24` }, { host: client, address: '10.99.0.2/24' });
    const [certificateFile, keyFile] = [join(lab.tempDir, 'bare.crt'), join(lab.tempDir, 'bare.key')];
    await ensureCertificate({ certificateFile, keyFile, names: ['bare.lab'] });
    const found = new Map<Runtime, { bare: number[]; plain: number[] }>();
    for (let round = 1; round <= options.rounds; round++) {
      for (const runtime of options.runtimes) {
        options.say(`round ${round} of ${options.rounds}, ${runtime}`);
        const all = found.get(runtime) ?? { bare: [], plain: [] };
        found.set(runtime, all);
        // In turn, so that neither has the machine to itself at the better time.
        const ways = ['bare', 'plain'] as const;
        for (const way of round % 2 === 1 ? ways : ways.toReversed()) {
          all[way].push(await measure(server, client, runtime, way, options.seconds, [certificateFile, keyFile]));
        }
      }
    }
    return [...found].map(([runtime, { bare, plain }]) => ({
      ...{ runtime, bare: median(bare), plain: median(plain) },
      ratio: median(bare.map((each, i) => each / plain[i]!)),
    }));
  } finally {
    await lab.close();
  }
}

export function renderBare(results: readonly BareResult[]): string {
  return table(
    ['runtime', 'TLS left, Gbit/s', 'never TLS, Gbit/s', 'ratio'],
    results.map((r) => [r.runtime, r.bare.toFixed(1), r.plain.toFixed(1), r.ratio.toFixed(2)]),
  );
}

async function measure(
  server: LabHost,
  client: LabHost,
  runtime: Runtime,
  way: 'bare' | 'plain',
  seconds: number,
  pem: readonly string[],
): Promise<number> {
  const script = join(projectRoot, 'dist', 'bench', 'bare-main.js');
  const listener = await server.spawn([runtimePath(runtime), script, 'server', way, ADDRESS, PORT, ...pem]);
  try {
    await listener.waitForLine(/"listening"/, 20_000);
    await client.run([runtimePath(runtime), script, 'client', way, ADDRESS, PORT, String(seconds)], {
      timeoutMs: seconds * 1_000 + 20_000,
    });
    const [, line = ''] = await listener.waitForLine(/(\{"bytes".*\})/, 20_000);
    const got = JSON.parse(line) as { bytes: number; seconds: number };
    return (got.bytes * 8) / 1e9 / got.seconds;
  } finally {
    await listener.stop();
  }
}
