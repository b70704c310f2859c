import type { Channel, ChannelHandler, HostError, Listener, Network } from '../../engine/host.ts';

/** The owner of a channel in a test: keeps what comes and lets a test wait for it. */
export class Peer implements ChannelHandler {
  channel!: Channel;
  readonly events: string[] = [];
  received = 0;
  error: HostError | undefined;
  /** Keeps the bytes when set. */
  readonly chunks: Buffer[] | undefined;
  onData: (bytes: Uint8Array) => void = () => undefined;
  onWritable: () => void = () => undefined;
  readonly whenOpened: Promise<void>;
  readonly whenClosed: Promise<HostError | undefined>;
  #opened!: () => void;
  #closed!: (error: HostError | undefined) => void;

  constructor(keep = false) {
    this.chunks = keep ? [] : undefined;
    this.whenOpened = new Promise((resolve) => {
      this.#opened = resolve;
    });
    this.whenClosed = new Promise((resolve) => {
      this.#closed = resolve;
    });
  }

  get text(): string {
    return Buffer.concat(this.chunks ?? []).toString();
  }

  opened(): void {
    this.events.push('opened');
    this.#opened();
  }

  data(bytes: Uint8Array): void {
    this.received += bytes.length;
    this.chunks?.push(Buffer.from(bytes));
    this.onData(bytes);
  }

  writable(): void {
    this.onWritable();
  }

  closed(error: HostError | undefined): void {
    this.events.push('closed');
    this.error = error;
    this.#closed(error);
  }
}

/** Waits until something is true, 10 s at most. */
export async function until(what: string, holds: () => boolean, withinMs = 10_000): Promise<void> {
  const end = performance.now() + withinMs;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`waited ${withinMs} ms for: ${what}`);
    await sleep(2);
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A listener on loopback that keeps its peers. */
export async function startServer(
  network: Network,
  identity: { certificate: string; key: string },
  makePeer: () => Peer = () => new Peer(true),
): Promise<{ listener: Listener; port: number; peers: Peer[] }> {
  const peers: Peer[] = [];
  const listener = await network.listen({ host: '127.0.0.1', port: 0, ...identity }, (channel) => {
    const peer = makePeer();
    peer.channel = channel;
    peers.push(peer);
    return peer;
  });
  return { listener, port: listener.local.port, peers };
}

/** Connects on loopback; the caller waits for `whenOpened` or `whenClosed`. */
export function dial(network: Network, port: number, options: { host?: string; ca?: string; peer?: Peer } = {}): Peer {
  const { host = '127.0.0.1', ca, peer = new Peer(true) } = options;
  peer.channel = network.connect({ host, port, timeoutMs: 5_000, ...(ca === undefined ? {} : { ca }) }, peer);
  return peer;
}
