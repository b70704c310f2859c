/**
 * One end of a raw TLS stream, on the runtime that starts it:
 *
 *   main.js server HOST PORT CERTIFICATE KEY    (files in PEM)
 *   main.js client HOST PORT                    (then on stdin, a line for each stream: `up 3` or `down 3`, in seconds)
 *
 * Runs until SIGTERM; says what protocol.ts lists.
 */
import { readFileSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Count, RawEvent } from './protocol.ts';

const { rawTls } = process.versions.bun === undefined ? await import('./node.ts') : await import('./bun.ts');
const [role, host = '', port = '', certificate = '', key = ''] = process.argv.slice(2);

if (role === 'server') {
  const pem = { certificate: readFileSync(certificate, 'utf8'), key: readFileSync(key, 'utf8') };
  await rawTls.listen({ host, port: Number(port), ...pem }, report);
  say({ type: 'listening' });
} else {
  say({ type: 'ready' });
  for await (const line of createInterface(process.stdin)) {
    const [way, seconds] = line.split(' ');
    try {
      const received = await rawTls.stream(host, Number(port), way === 'up' ? 'up' : 'down', Number(seconds));
      if (way === 'down') report(received);
    } catch (error) {
      say({ type: 'failed', message: (error as Error).message });
    }
  }
}

function report(count: Count): void {
  say({ type: 'received', bytes: count.bytes, seconds: count.seconds });
}

/** Synchronous, the same on both runtimes. */
function say(event: RawEvent): void {
  writeSync(1, `${JSON.stringify(event)}\n`);
}
