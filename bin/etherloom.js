#!/usr/bin/env node
// Finds out which runtime this is and hands its host to the command line. Plain JavaScript, so that it can say what
// to do before anything has been built.
// @ts-check
import { existsSync, readFileSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const root = new URL('../', import.meta.url);
const bun = process.versions.bun;

if (!existsSync(new URL('dist/cli/main.js', root))) {
  console.error(`error: Etherloom has not been built: run \`npm run build\` in ${fileURLToPath(root)}`);
  process.exit(1);
}

// A fifth of a receiver's processor time went into memory that Bun's allocator gave back to the kernel 10 ms after it was
// freed and asked for again: each read of a socket is new memory. It reads its settings once, when the process begins.
const KEPT_MS = '1000';
/** These carry frames; what `up` starts has its environment, and a channel to it that would not survive. */
const CARRIERS = ['server', 'connect', 'up', 'bridge', 'speedtest'];
const mayStartAgain = bun !== undefined && process.send === undefined && CARRIERS.includes(process.argv[2] ?? '');
if (mayStartAgain && process.env.MIMALLOC_PURGE_DELAY === undefined) {
  try {
    const argv = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
    process.execve?.(process.execPath, argv, { ...process.env, MIMALLOC_PURGE_DELAY: KEPT_MS });
  } catch {
    // Slower, and as good as before otherwise.
  }
}

const { main } = await import('../dist/cli/main.js');
const { version } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
const runtime = bun === undefined ? { name: 'node', version: process.versions.node } : { name: 'bun', version: bun };

const code = await main(process.argv.slice(2), { version, runtime, program: fileURLToPath(import.meta.url), load });
// Everything has been closed and written; a handle that a library forgot must not keep the process.
process.exit(code);

/** What a command that does more than print help needs: the host, SHA-0 and the engine. */
async function load() {
  const [{ createHost }, { Crypto }, { startServer }, { startClient }, speedtest] = await Promise.all([
    bun === undefined ? import('../dist/hosts/node/main.js') : import('../dist/hosts/bun/main.js'),
    import('../dist/engine/crypto/module.js'),
    import('../dist/engine/server/server.js'),
    import('../dist/engine/client/client.js'),
    import('../dist/engine/speedtest/index.js'),
  ]);
  const host = await createHost();
  /** @param {Uint8Array} bytes */
  const sha0 = (bytes) => new Crypto(host.cryptoBinary, { slots: 1, random: host.random }).sha0(bytes);
  return { host, sha0, startServer, startClient, ...speedtest };
}
