import { readFileSync } from 'node:fs';
import type {
  Address,
  Channel,
  ChannelHandler,
  ConnectOptions,
  FrameBatch,
  Host,
  HostError,
  Listener,
  ListenOptions,
  Log,
  Machines,
  Tap,
  TapHandler,
  TapOptions,
  Tcp,
} from '../../engine/host.ts';
import { VNET_HEADER_BYTES } from '../../engine/host.ts';
import { certificates } from '../../hosts/shared/certificates.ts';
import { GOOD_LINK, type LinkOptions, SIM_SECURITY, SimChannel } from './channel.ts';
import { SimMachine } from './machine.ts';
import type { World } from './world.ts';

type Accept = (channel: Channel) => ChannelHandler;

/** The network of a world: who listens where, and every connection that was made. */
export class SimNetwork {
  readonly listeners = new Map<string, Accept>();
  readonly connections: { client: SimChannel; server: SimChannel }[] = [];
  link: LinkOptions = GOOD_LINK;
  /** Nobody can be reached. */
  down = false;
  /** What servers show. */
  certificate = SIM_SECURITY.certificate!;
}

/** A TAP in memory: `arrive` is the kernel sending a frame out, `frames` is what the kernel was given. */
export class SimTap implements Tap {
  readonly name: string;
  readonly mac: Uint8Array;
  readonly frames: Uint8Array[] = [];
  /** Of what it was given, the probes by which hubs find loops: they come in their own time. */
  readonly probes: Uint8Array[] = [];
  /** Called with each of them, for what is plugged in. */
  delivered: (frame: Uint8Array) => void = () => {};
  readonly offloads = { tcp: false, udp: false };
  closed = false;
  readonly #handler: TapHandler;
  readonly #world: World;
  readonly #queue: Uint8Array[] = [];
  #armed = false;

  constructor(world: World, options: TapOptions, handler: TapHandler) {
    this.#world = world;
    this.#handler = handler;
    this.name = options.name;
    this.mac = options.mac ?? new Uint8Array([2, ...world.bytes(5)]);
  }

  arrive(frame: Uint8Array): void {
    this.#queue.push(frame);
    if (this.#armed) this.#wake();
  }

  fail(error: HostError): void {
    this.#handler.failed(error);
  }

  read(batch: FrameBatch, count: number, bytes: number): number {
    let read = 0;
    let room = bytes;
    for (; read < count && room > 0 && this.#queue.length > 0; read++) {
      const frame = this.#queue.shift()!;
      const at = batch.offsets[read]!;
      if (frame.length + VNET_HEADER_BYTES > batch.lengths[read]!)
        throw new Error('the frame does not fit in its place');
      batch.memory.fill(0, at, at + VNET_HEADER_BYTES);
      batch.memory.set(frame, at + VNET_HEADER_BYTES);
      batch.lengths[read] = frame.length + VNET_HEADER_BYTES;
      room -= frame.length + VNET_HEADER_BYTES;
    }
    return read;
  }

  write(batch: FrameBatch, count: number): number {
    for (let i = 0; i < count; i++) {
      const at = batch.offsets[i]!;
      const header = batch.memory.subarray(at, at + VNET_HEADER_BYTES);
      if (header.some((byte) => byte !== 0)) throw new Error('the virtio header asks for something');
      const frame = batch.memory.slice(at + VNET_HEADER_BYTES, at + batch.lengths[i]!);
      (isProbe(frame) ? this.probes : this.frames).push(frame);
      this.delivered(frame);
    }
    return count;
  }

  arm(): void {
    this.#armed = true;
    if (this.#queue.length > 0) this.#wake();
  }

  close(): void {
    this.closed = true;
  }

  #wake(): void {
    this.#armed = false;
    this.#world.soon(() => {
      if (!this.closed) this.#handler.readable();
    });
  }
}

/** `engine/loop/probe.ts`. */
export function isProbe(frame: Uint8Array): boolean {
  return [0x88, 0xb5, 0x4c, 0x4f, 0x4f, 0x4b].every((byte, i) => frame[12 + i] === byte);
}

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A third host beside Node and Bun: the same interfaces, in memory, on a fake clock. */
export class SimHost implements Host {
  readonly runtime;
  readonly taps;
  readonly clock;
  readonly scheduler;
  readonly network;
  readonly tcp: Tcp;
  readonly random;
  readonly opened: SimTap[] = [];
  readonly lines: LogLine[] = [];
  /** How each connection was asked for. */
  readonly dialled: ConnectOptions[] = [];
  tapError: HostError | undefined;
  /** Which build of the core the engine gets; `CORE=scalar` in the environment turns all tests to the scalar one. */
  readonly coreBinary = (build: 'simd' | 'scalar'): Uint8Array => coreBinary(build);
  readonly certificates = certificates;
  readonly cryptoBinary = (build: 'simd' | 'scalar'): Uint8Array => cryptoBinary(build);

  constructor(world: World, net: SimNetwork, address: string) {
    let port = 40_000;
    this.runtime = { name: 'sim', version: '1', pid: 1, hostName: address, osName: 'Linux', osVersion: '0' };
    this.clock = { now: () => world.now, utc: () => 1_790_000_000_000 + world.now + this.#slept };
    this.scheduler = {
      after: (ms: number, call: () => void) => world.after(ms, call),
      soon: (call: () => void) => world.soon(call),
    };
    this.random = (count: number) => world.bytes(count);
    this.taps = {
      open: (options: TapOptions, handler: TapHandler) => {
        if (this.tapError !== undefined) throw this.tapError;
        const tap = new SimTap(world, options, handler);
        this.opened.push(tap);
        return tap;
      },
    };
    this.network = {
      listen: async (options: ListenOptions, accept: Accept): Promise<Listener> => {
        const key = `${address}:${options.port}`;
        if (net.listeners.has(key))
          throw { doing: 'listen', code: 'EADDRINUSE', message: `port ${options.port} is taken` };
        net.listeners.set(key, accept);
        return {
          local: { address, port: options.port },
          close: async () => {
            net.listeners.delete(key);
          },
        };
      },
      connect: (options: ConnectOptions, handler: ChannelHandler): Channel => {
        this.dialled.push(options);
        const local: Address = { address, port: port++ };
        const remote: Address = { address: options.host, port: options.port };
        const [client, server] = SimChannel.pair(world, net.link, local, remote);
        client.handler = handler;
        try {
          options.way?.found(options.way.known.length > 0 ? options.way.known : [options.host]);
        } catch (error) {
          world.soon(() => client.finish(error as HostError));
          return client;
        }
        world.after(net.link.latencyMs, () => {
          const accept = net.down ? undefined : net.listeners.get(`${options.host}:${options.port}`);
          if (accept === undefined)
            return client.finish({ doing: 'connect', code: 'ECONNREFUSED', message: 'the connection was refused' });
          net.connections.push({ client, server });
          server.handler = accept(server);
          server.open();
          client.open(net.certificate);
        });
        return client;
      },
    };
    this.tcp = {
      listen: (options, accept) => this.network.listen({ ...options, certificate: '', key: '' }, accept),
      connect: (options, handler) => this.network.connect(options, handler),
    };
  }

  readonly machine = new SimMachine();
  readonly machines: Machines = { recover: () => [], open: () => this.machine };

  /** What is called when the machine's addresses change. */
  addressesChanged: (addresses: readonly string[]) => void = () => {};
  readonly watchAddresses = (call: (addresses: readonly string[]) => void): (() => void) => {
    this.addressesChanged = call;
    return () => {};
  };

  /** The machine sleeps: its own clock stands still, and everybody else's goes on. */
  sleep(ms: number): void {
    this.#slept += ms;
  }

  #slept = 0;

  readonly log: Log = (level, message, fields = {}) => {
    this.lines.push({ level, message, fields });
  };
}

/** The core that was built, in the build that the environment asks for. */
export function coreBinary(build: 'simd' | 'scalar'): Uint8Array {
  return read('core', build);
}

/** The crypto module, likewise. */
export function cryptoBinary(build: 'simd' | 'scalar'): Uint8Array {
  return read('crypto', build);
}

function read(module: string, build: 'simd' | 'scalar'): Uint8Array {
  const scalar = build === 'scalar' || process.env.CORE === 'scalar';
  return readFileSync(new URL(`../../build/${module}${scalar ? '.scalar' : ''}.wasm`, import.meta.url));
}
