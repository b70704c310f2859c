/**
 * One end of a stream: `bare`, the product's own channel after TLS was left, or `plain`, a socket of the runtime that never
 * had TLS. Run by `bare.ts`.
 *
 *   bare-main server WAY HOST PORT CERTIFICATE KEY    (files in PEM; says {"listening":true}, then {"bytes":N,"seconds":S})
 *   bare-main client WAY HOST PORT SECONDS
 */

import { readFileSync, writeSync } from 'node:fs';
import { createServer, connect as dial } from 'node:net';
import type { Channel, ChannelHandler, Host } from '../engine/host.ts';

/** What a tunnel writes at most at a time. */
const WRITE_BYTES = 256 * 1024;
const HELLO = Uint8Array.of(0x68);

const [role, way, host = '', port = '', third = '', fourth = ''] = process.argv.slice(2);
const BUN = process.versions.bun !== undefined;
const data = new Uint8Array(WRITE_BYTES).fill(0x5a);
const received = { bytes: 0, first: 0, last: 0 };

function count(bytes: number): void {
  received.last = performance.now();
  if (received.bytes === 0) received.first = received.last;
  received.bytes += bytes;
}

function report(): void {
  say({ bytes: received.bytes, seconds: (received.last - received.first) / 1_000 });
}

/** Synchronous, the same on both runtimes. */
function say(object: unknown): void {
  writeSync(1, `${JSON.stringify(object)}\n`);
}

async function loadHost(): Promise<Host> {
  const module = BUN ? import('../hosts/bun/main.ts') : import('../hosts/node/main.ts');
  return (await module).createHost();
}

/** The answer to the client's hello is the last that goes through TLS. */
function serveBare(channel: Channel): ChannelHandler {
  let left = false;
  return {
    opened() {},
    data(bytes) {
      if (left) return count(bytes.length);
      channel.pause();
      if (channel.write(HELLO) !== HELLO.length) throw new Error('the answer to the hello was not taken');
      channel.leaveTls();
      left = true;
    },
    writable() {
      channel.resume();
    },
    closed: report,
  };
}

function sendBare(network: Host['network'], seconds: number): void {
  let left = false;
  const pump = (): void => {
    while (channel.writable) channel.write(data);
  };
  const channel = network.connect(
    { host, port: Number(port), timeoutMs: 10_000, bare: true },
    {
      opened: () => void channel.write(HELLO),
      data() {
        if (left) return;
        left = true;
        channel.leaveTls();
        setTimeout(() => channel.close(), seconds * 1_000);
      },
      writable: () => left && pump(),
      closed: () => process.exit(0),
    },
  );
}

function servePlain(): void {
  if (BUN) {
    Bun.listen({
      hostname: host,
      port: Number(port),
      socket: {
        open: (socket) => void socket.setNoDelay(true),
        data: (_socket, bytes) => count(bytes.length),
        close: report,
      },
    });
    return;
  }
  createServer({ noDelay: true }, (socket) => {
    socket.on('data', (bytes) => count(bytes.length));
    socket.on('close', report);
    socket.on('error', () => undefined);
  }).listen(Number(port), host);
}

function sendPlain(seconds: number): void {
  if (BUN) {
    const pump = (socket: { write(bytes: Uint8Array): number }): void => {
      while (socket.write(data) === data.length) {}
    };
    void Bun.connect({
      hostname: host,
      port: Number(port),
      socket: {
        open(socket) {
          socket.setNoDelay(true);
          setTimeout(() => socket.end(), seconds * 1_000);
          pump(socket);
        },
        drain: pump,
        data() {},
        close: () => process.exit(0),
      },
    });
    return;
  }
  const socket = dial({ host, port: Number(port), noDelay: true }, () => {
    const pump = (): void => {
      while (!socket.destroyed && !socket.writableEnded && socket.write(data)) {}
    };
    socket.on('drain', pump);
    setTimeout(() => socket.destroy(), seconds * 1_000);
    pump();
  });
  socket.on('close', () => process.exit(0));
  socket.on('error', () => undefined);
}

if (role === 'server') {
  if (way === 'plain') {
    servePlain();
  } else {
    const pem = { certificate: readFileSync(third, 'utf8'), key: readFileSync(fourth, 'utf8') };
    await (await loadHost()).network.listen({ host, port: Number(port), ...pem }, serveBare);
  }
  say({ listening: true });
} else if (way === 'plain') {
  sendPlain(Number(third));
} else {
  sendBare((await loadHost()).network, Number(third));
}
