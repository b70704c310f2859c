import { createServer, type Socket, connect as tcpConnect } from 'node:net';
import { sleep } from './peers.ts';

/** How a middle hands on what it reads. */
export type Delivery =
  /** As it comes. */
  | 'whole'
  /** What comes until there is silence for a moment, as one write. */
  | 'together'
  /** One byte at a time. */
  | 'bytes'
  /** Not before this is changed, and then together with the next that comes. */
  | 'held';

/** One connection through a middle, and all that went through it. */
export interface Passage {
  readonly client: Socket;
  readonly server: Socket;
  readonly up: Buffer[];
  readonly down: Buffer[];
}

export interface Middle {
  readonly port: number;
  readonly passages: Passage[];
  /** How what the server says is handed on; may be changed at any time. */
  delivery: Delivery;
  /** The same for what the client says. */
  upDelivery: Delivery;
  close(): void;
}

/** Milliseconds of silence after which what came is handed on together. */
const SILENCE_MS = 60;

/** A TCP relay between a client and a server on loopback, which keeps a record of every byte. */
export async function startMiddle(serverPort: number, delivery: Delivery = 'whole'): Promise<Middle> {
  const passages: Passage[] = [];
  const listener = createServer({ noDelay: true }, (client) => {
    const server = tcpConnect({ port: serverPort, host: '127.0.0.1', noDelay: true });
    const passage: Passage = { client, server, up: [], down: [] };
    passages.push(passage);
    relay(client, server, passage.up, () => middle.upDelivery);
    relay(server, client, passage.down, () => middle.delivery);
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const middle: Middle = {
    port: (listener.address() as { port: number }).port,
    passages,
    delivery,
    upDelivery: 'whole',
    close() {
      listener.close();
      for (const { client, server } of passages) {
        client.destroy();
        server.destroy();
      }
    },
  };
  return middle;
}

/** Hands everything from one socket to the other, the end and a reset included. */
function relay(from: Socket, to: Socket, record: Buffer[], delivery: () => Delivery): void {
  let waiting = Buffer.alloc(0);
  let timer: ReturnType<typeof setTimeout> | undefined;
  let turn = Promise.resolve();
  const handOn = (bytes: Buffer): void => {
    turn = turn.then(() => deliver(to, bytes, delivery(), from));
  };
  const flush = (): void => {
    clearTimeout(timer);
    if (waiting.length > 0) handOn(waiting);
    waiting = Buffer.alloc(0);
  };
  from.on('data', (chunk: Buffer) => {
    record.push(chunk);
    waiting = Buffer.concat([waiting, chunk]);
    clearTimeout(timer);
    if (delivery() === 'held') return;
    if (delivery() === 'together') timer = setTimeout(flush, SILENCE_MS);
    else flush();
  });
  from.on('end', () => {
    flush();
    turn = turn.then(() => {
      to.end();
    });
  });
  from.on('error', () => undefined);
  from.on('close', (failed) => {
    if (failed) to.resetAndDestroy();
  });
}

async function deliver(to: Socket, bytes: Buffer, delivery: Delivery, from: Socket): Promise<void> {
  if (delivery !== 'bytes') {
    if (to.write(bytes) || to.destroyed) return;
    from.pause();
    await new Promise((resolve) => {
      to.once('drain', resolve);
      to.once('close', resolve);
    });
    to.removeAllListeners('drain');
    from.resume();
    return;
  }
  for (let index = 0; index < bytes.length && !to.destroyed; index++) {
    to.write(bytes.subarray(index, index + 1));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await sleep(0);
}

/** What went one way: TLS records from the start, then, from the first byte that begins no record, all the rest. */
export interface Traffic {
  readonly records: readonly { readonly type: number; readonly length: number }[];
  readonly bare: Buffer;
}

export function dissect(chunks: readonly Buffer[]): Traffic {
  const bytes = Buffer.concat(chunks);
  const records: { type: number; length: number }[] = [];
  let offset = 0;
  while (offset < bytes.length && bytes[offset]! >= 0x14 && bytes[offset]! <= 0x17) {
    const length = bytes.readUInt16BE(offset + 3);
    records.push({ type: bytes[offset]!, length });
    offset += 5 + length;
  }
  return { records, bare: bytes.subarray(offset) };
}
