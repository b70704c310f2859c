/**
 * `engine-server-main.js FILE`: a server by the engine itself, from options in JSON, on the runtime that runs this. It prints
 * `listening` and goes on until a signal comes.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ensureCertificate } from '../cli/certificate.ts';
import type { Host } from '../engine/host.ts';
import type { HubOptions } from '../engine/server/options.ts';
import { startServer } from '../engine/server/server.ts';

export interface EngineServer {
  readonly address: string;
  readonly port: number;
  readonly hubs: readonly HubOptions[];
}

const file = process.argv[2]!;
const bytes = (_key: string, value: unknown): unknown =>
  typeof value === 'string' && value.startsWith('bytes:') ? Uint8Array.from(Buffer.from(value.slice(6), 'hex')) : value;
const { address, port, hubs } = JSON.parse(readFileSync(file, 'utf8'), bytes) as EngineServer;
const { createHost } = (await import('bun' in process.versions ? '../hosts/bun/main.js' : '../hosts/node/main.js')) as {
  createHost: () => Host;
};
const place = (name: string): string => join(dirname(file), name);
const { certificate, key } = await ensureCertificate({
  certificateFile: place('server.crt'),
  keyFile: place('server.key'),
  names: [address],
});
const server = await startServer(
  createHost(),
  {
    listen: [{ host: address, port }],
    certificate,
    key,
    hubs,
    timeoutMs: 20_000,
    maxConnections: 32,
    priorityRule: 'packetix',
    congestion: 'auto',
    tls: { modern: { minimum: 'TLSv1.2' } },
  },
  (level, message, fields) => {
    if (level === 'error' || level === 'warn') process.stderr.write(`${message} ${JSON.stringify(fields)}\n`);
  },
);
process.stdout.write('listening\n');
for (const signal of ['SIGTERM', 'SIGINT'] as const)
  process.on(signal, () => void server.close().then(() => process.exit(0)));
