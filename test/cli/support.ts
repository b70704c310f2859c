/** A process made of memory, an engine that does nothing, and folders that go away. */

import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach } from 'vitest';
import type { Engine, Environment } from '../../cli/environment.ts';
import type { Io, SignalName } from '../../cli/io.ts';
import { main } from '../../cli/main.ts';
import type { NodeStatus } from '../../engine/admin/status.ts';
import type { ClientEnd, ClientEvent, ClientOptions } from '../../engine/client/options.ts';
import type { Host } from '../../engine/host.ts';
import type { ServerOptions } from '../../engine/server/options.ts';
import { startSpeedtest, startSpeedtestServer } from '../../engine/speedtest/index.ts';

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await fs.rm(folder, { recursive: true, force: true });
});

export async function temporaryFolder(): Promise<string> {
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'el-cli-'));
  folders.push(folder);
  return folder;
}

export interface FakeIo extends Io {
  readonly stdin: PassThrough & { isTTY: boolean; raw: boolean[]; setRawMode(on: boolean): void };
  readonly exits: number[];
  out(): string;
  err(): string;
  signal(name: SignalName): void;
  readonly listening: () => number;
}

export interface FakeIoOptions {
  readonly folder?: string;
  readonly tty?: boolean;
  readonly env?: Record<string, string>;
  readonly platform?: string;
}

export function fakeIo({
  folder = '/nonexistent',
  tty = false,
  env = {},
  platform = 'linux',
}: FakeIoOptions = {}): FakeIo {
  const raw: boolean[] = [];
  const stdin = Object.assign(new PassThrough(), { isTTY: tty, raw, setRawMode: (on: boolean) => void raw.push(on) });
  const output = () => {
    const chunks: string[] = [];
    const stream = Object.assign(new PassThrough(), { isTTY: tty });
    stream.on('data', (chunk: Buffer) => chunks.push(chunk.toString()));
    return { stream, text: () => chunks.join('') };
  };
  const stdout = output();
  const stderr = output();
  const handlers = new Set<(name: SignalName) => void>();
  const exits: number[] = [];
  return {
    stdin,
    stdout: stdout.stream,
    stderr: stderr.stream,
    env: { XDG_RUNTIME_DIR: path.join(folder, 'run'), XDG_STATE_HOME: path.join(folder, 'state'), ...env },
    platform,
    pid: process.pid,
    // Not root's folders: the tests see their own nodes only.
    uid: process.getuid?.() === 0 ? 0 : (process.getuid?.() ?? -1),
    homeDirectory: folder,
    temporaryDirectory: path.join(folder, 'tmp'),
    hostName: 'weaver',
    onSignal(call) {
      handlers.add(call);
      return () => handlers.delete(call);
    },
    exit: (code) => void exits.push(code),
    exits,
    out: stdout.text,
    err: stderr.text,
    signal: (name) => {
      for (const handler of handlers) handler(name);
    },
    listening: () => handlers.size,
  };
}

export interface FakeEngine extends Engine {
  readonly servers: ServerOptions[];
  readonly clients: { options: ClientOptions; emit: (event: ClientEvent) => void; end: (end: ClientEnd) => void }[];
  closed: number;
}

export function fakeEngine(overrides: Partial<Engine> = {}): FakeEngine {
  const servers: ServerOptions[] = [];
  const clients: FakeEngine['clients'] = [];
  const engine: FakeEngine = {
    host: {} as Host,
    sha0: (bytes) => {
      const hash = new Uint8Array(20);
      for (const [index, byte] of bytes.entries()) hash[index % 20]! ^= byte;
      return hash;
    },
    async startServer(_host, options) {
      servers.push(options);
      return {
        listeners: options.listen.map(({ host, port }) => `${host}:${port === 0 ? 40000 : port}`),
        status: () => sampleStatus('server'),
        setCascade: () => ({ ok: false, problem: 'there is no cascade' }),
        async close() {
          engine.closed++;
        },
      };
    },
    startClient(_host, options, _log, onEvent) {
      let end: (end: ClientEnd) => void = () => {};
      const ended = new Promise<ClientEnd>((resolve) => {
        end = resolve;
      });
      clients.push({ options, emit: onEvent, end });
      return {
        ended,
        status: () => sampleStatus('client'),
        async close() {
          engine.closed++;
          end({ kind: 'closed', message: 'closed' });
        },
      };
    },
    startSpeedtest,
    startSpeedtestServer,
    servers,
    clients,
    closed: 0,
    ...overrides,
  };
  return engine;
}

export function environmentOf(engine: Engine): Environment {
  return { version: '1.2.3', runtime: { name: 'test', version: '1' }, load: async () => engine };
}

/** Runs a command to its end. */
export async function runCommand(
  argv: readonly string[],
  io: FakeIo = fakeIo(),
  engine: Engine = fakeEngine(),
): Promise<number> {
  return main(argv, environmentOf(engine), io);
}

/** Starts a client and hands over its options once the engine has them; without them it has ended already. */
export async function startClient(argv: readonly string[], io: FakeIo) {
  const engine = fakeEngine();
  const done = main(argv, environmentOf(engine), io);
  await Promise.race([until(() => engine.clients.length > 0, 'the start of the client'), done]);
  return { engine, done, client: engine.clients[0]!, options: engine.clients[0]?.options };
}

/** The options with which a client starts, or the exit code of one that does not. */
export async function optionsOf(argv: readonly string[], io: FakeIo): Promise<ClientOptions | number> {
  const { options, done } = await startClient(argv, io);
  if (options === undefined) return done;
  io.signal('SIGINT');
  await done;
  return options;
}

export async function until(condition: () => boolean, what = 'the condition'): Promise<void> {
  for (let waited = 0; !condition(); waited += 10) {
    if (waited > 10_000) throw new Error(`${what} did not come true`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export function sampleStatus(role: 'server' | 'client'): NodeStatus {
  const since = '2026-01-01T00:00:00.000Z';
  return {
    version: '1.2.3',
    role,
    runtime: { name: 'test', version: '1' },
    pid: process.pid,
    since,
    listeners: role === 'server' ? ['0.0.0.0:443', '[::]:5555'] : [],
    core: { build: 'simd', codec: 'wasm', calls: 1000, frames: 1234567, buffersUsed: 3, buffersTotal: 4096 },
    hubs: [
      {
        name: 'lab',
        fdb: 12,
        sessions: [
          {
            name: 'SID-ALICE-1',
            user: 'alice',
            peer: '192.0.2.7:50000',
            connections: [
              {
                peer: '192.0.2.7:50000',
                protocol: 'TLSv1.3',
                cipher: 'TLS_AES_256_GCM_SHA384',
                since,
                ageSeconds: 3725,
                direction: 'client-to-server',
                receivedBytes: 1610612736,
                sentBytes: 40,
                sentPercent: 11.1,
                unsentBytes: 0,
                lastReceivedMs: 250,
              },
              {
                peer: '192.0.2.7:50001',
                protocol: 'TLSv1.2',
                cipher: 'ECDHE-RSA-AES256-GCM-SHA384',
                since,
                ageSeconds: 9,
                direction: 'server-to-client',
                receivedBytes: 0,
                sentBytes: 320,
                sentPercent: 88.9,
                unsentBytes: 65536,
                tcp: {
                  roundTripMs: 22.4,
                  leastRoundTripMs: 20.1,
                  unsentBytes: 1024,
                  retransmissions: 7,
                  drainRate: 2500000,
                  congestion: 'bbr',
                },
                lastReceivedMs: 9000,
              },
            ],
            since,
            queuedBytes: 131072,
            received: { frames: 1234567, bytes: 1610612736 },
            sent: { frames: 5, bytes: 320 },
            classes: {
              bulk: { frames: 4, bytes: 220, drops: 1200, delayMs: { p50: 3.5, p99: 22 } },
              priority: { frames: 1, bytes: 100, drops: 0, delayMs: { p50: 0.03, p99: 0.1 } },
            },
            batchesSkipped: 2,
            drops: { queueFull: 1200, storm: 3 },
          },
        ],
        taps: [
          {
            name: 'elsrv0',
            since,
            queuedBytes: 0,
            received: { frames: 0, bytes: 0 },
            sent: { frames: 1, bytes: 2048 },
            drops: {},
          },
        ],
        bridges: [],
      },
    ],
    ...(role === 'client'
      ? {
          client: {
            state: 'waiting',
            server: 'vpn.example:443',
            hub: 'lab',
            user: 'alice',
            lastError: 'gone',
            attempts: 2,
          } as const,
        }
      : {}),
  };
}
