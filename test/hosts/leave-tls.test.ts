import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import tls from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Channel, Listener } from '../../engine/host.ts';
import { projectRoot, runtimePath, thisRuntime } from '../../lab/runtime.ts';
import { makeCertificate } from '../support/certificate.ts';
import { loadHost } from '../support/runtime.ts';
import { type Delivery, dissect, type Middle, type Passage, startMiddle } from './middle.ts';
import { Peer, sleep, startServer, until } from './peers.ts';
import { checker, send, stretch } from './transfer.ts';

const { network } = await loadHost();
const identity = makeCertificate();
const listeners: Listener[] = [];
const channels: Channel[] = [];
const middles: Middle[] = [];
const cleanups: (() => void)[] = [];

afterEach(async () => {
  for (const channel of channels.splice(0)) channel.abort();
  for (const middle of middles.splice(0)) middle.close();
  for (const cleanup of cleanups.splice(0)) cleanup();
  for (const listener of listeners.splice(0)) await listener.close();
});

const REQUEST = Buffer.from('the last request inside TLS');
/** Three records. */
const ANSWER = stretch(7, 40_000);
const SHORT_ANSWER = Buffer.from('the last answer');
/** A tunnel begins so (`protocol/control-plane.md` §8.4); neither byte begins a TLS record. */
const BARE_UP = Buffer.concat([Buffer.from([0, 0, 0, 1]), stretch(1, 300)]);
const BARE_DOWN = Buffer.concat([Buffer.from([0xff, 0xff, 0xff, 0xff]), stretch(2, 500)]);

/** What a TLS record adds to application data: TLS 1.3, and TLS 1.2 with AES-GCM and with ChaCha20. */
const OVERHEADS = [17, 24, 16];

/** After what was sent last inside TLS, `last` bytes long, comes exactly `bare`: no alert, no close_notify. */
function expectSwitch(chunks: readonly Buffer[], last: number, bare: Buffer): void {
  const traffic = dissect(chunks);
  expect(traffic.records.map(({ type }) => type)).not.toContain(0x15);
  expect(OVERHEADS).toContain(traffic.records.at(-1)!.length - last);
  expect(traffic.bare.equals(bare)).toBe(true);
}

/** Answers the request, leaves TLS, and says `bare` as soon as it may. */
class Leaver extends Peer {
  writables = 0;
  /** Called when the channel is writable for the first time after it left. */
  onBare: () => void = () => undefined;

  constructor(answer: Buffer, keep = true) {
    super(keep);
    let rest = answer;
    const pump = (): void => {
      rest = rest.subarray(this.channel.write(rest));
      if (rest.length > 0) return;
      this.onWritable = () => {
        this.writables += 1;
        if (this.writables === 1) this.onBare();
      };
      this.channel.leaveTls();
      expect(this.channel.writable).toBe(false);
      expect(this.channel.write(Buffer.from('not now'))).toBe(0);
      this.channel.resume();
    };
    this.onData = () => {
      if (this.received !== REQUEST.length) return;
      this.onData = () => undefined;
      this.channel.pause();
      this.onWritable = pump;
      pump();
    };
  }
}

/** Asks, and leaves TLS inside the `data` call that brought the end of the answer. */
class Asker extends Peer {
  onBare: () => void = () => undefined;
  /** Called in the same `data` call. */
  onLeft: () => void = () => undefined;
  /** Bytes that each call of `data` brought. */
  readonly calls: number[] = [];

  constructor(answerLength: number, keep = true) {
    super(keep);
    this.onData = (bytes) => {
      this.calls.push(bytes.length);
      if (this.received < answerLength) return;
      expect(this.received).toBe(answerLength);
      this.onData = () => undefined;
      this.onWritable = () => {
        this.onWritable = () => undefined;
        this.onBare();
      };
      this.channel.leaveTls();
      expect(this.channel.writable).toBe(false);
      expect(this.channel.write(Buffer.from('not now'))).toBe(0);
      this.onLeft();
    };
  }

  ask(): void {
    expect(this.channel.write(REQUEST)).toBe(REQUEST.length);
  }
}

function callBare(port: number, peer: Peer): void {
  peer.channel = network.connect({ host: '127.0.0.1', port, timeoutMs: 5_000, bare: true }, peer);
  channels.push(peer.channel);
}

interface Scene {
  client: Asker;
  server: Leaver;
  passage: Passage;
}

/** Both ends are ours, with a middle between them. The channels are there and nothing has been said. */
async function scene(answer: Buffer, delivery: Delivery = 'whole', keep = true): Promise<Scene> {
  const { listener, port, peers } = await startServer(network, identity, () => new Leaver(answer, keep));
  listeners.push(listener);
  const middle = await startMiddle(port, delivery);
  middles.push(middle);
  const client = new Asker(answer.length, keep);
  callBare(middle.port, client);
  await client.whenOpened;
  await until('the server has accepted', () => peers.length === 1);
  return { client, server: peers[0] as Leaver, passage: middle.passages[0]! };
}

/** Without a middle, whose sockets hold some megabytes more than those of the ends. */
async function directScene(): Promise<Pick<Scene, 'client' | 'server'>> {
  const { listener, port, peers } = await startServer(network, identity, () => new Leaver(SHORT_ANSWER, false));
  listeners.push(listener);
  const client = new Asker(SHORT_ANSWER.length, false);
  callBare(port, client);
  await client.whenOpened;
  await until('the server has accepted', () => peers.length === 1);
  return leave({ client, server: peers[0] as Leaver });
}

/** Both ends have left TLS and nothing bare has been said. */
async function bareScene(): Promise<Scene> {
  return leave(await scene(SHORT_ANSWER, 'whole', false));
}

async function leave<T extends Pick<Scene, 'client' | 'server'>>(made: T): Promise<T> {
  let bare = 0;
  made.client.onBare = made.server.onBare = () => {
    bare += 1;
  };
  made.client.ask();
  await until('both have left TLS', () => bare === 2);
  made.client.received = 0;
  made.server.received = 0;
  return made;
}

describe('the switch', () => {
  test.each([
    ['whole', ANSWER],
    ['together', ANSWER],
    ['together', SHORT_ANSWER],
    ['bytes', SHORT_ANSWER],
  ] as const)('is exact to the byte in both directions, delivered %s', async (delivery, answer) => {
    const { client, server, passage } = await scene(answer, delivery);
    client.onBare = () => expect(client.channel.write(BARE_UP)).toBe(BARE_UP.length);
    server.onBare = () => expect(server.channel.write(BARE_DOWN)).toBe(BARE_DOWN.length);
    client.ask();
    await until('all came down', () => client.received === answer.length + BARE_DOWN.length);
    await until('all came up', () => server.received === REQUEST.length + BARE_UP.length);
    expect(Buffer.concat(client.chunks!).equals(Buffer.concat([answer, BARE_DOWN]))).toBe(true);
    expect(Buffer.concat(server.chunks!).equals(Buffer.concat([REQUEST, BARE_UP]))).toBe(true);
    expect(client.channel.security).toMatchObject({ protocol: 'TLSv1.3', distrust: 'the certificate is self-signed' });
    expect(server.channel.security?.protocol).toBe('TLSv1.3');
    await sleep(50);
    expectSwitch(passage.up, REQUEST.length, BARE_UP);
    expectSwitch(passage.down, answer.length % 0x4000, BARE_DOWN);
    if (delivery === 'together') {
      // The last record and what is bare were read at once, and yet came in calls of their own.
      expect(client.calls.reduce((sum, bytes) => sum + bytes, 0)).toBe(answer.length);
    }
  });

  test('of a client that pauses in the same call: what is bare waits', async () => {
    const { client, server } = await scene(SHORT_ANSWER, 'together');
    client.onLeft = () => client.channel.pause();
    let bare = false;
    client.onBare = () => {
      bare = true;
    };
    server.onBare = () => server.channel.write(BARE_DOWN);
    client.ask();
    await until('it can write', () => bare);
    await sleep(150);
    expect(client.received).toBe(SHORT_ANSWER.length);
    client.channel.resume();
    client.channel.pause();
    client.channel.resume();
    await until('the rest came', () => client.received === SHORT_ANSWER.length + BARE_DOWN.length);
    server.channel.write(Buffer.from('more'));
    await until('more came', () => client.text.endsWith('more'));
  });

  test('waits for what was written before, however slowly the peer reads', async () => {
    const total = 24 * 1024 * 1024;
    const { listener, port, peers } = await startServer(network, identity, () => new Peer());
    listeners.push(listener);
    const client = new Peer();
    const check = checker();
    const late: Buffer[] = [];
    let left = false;
    client.onData = (bytes) => {
      if (left) late.push(Buffer.from(bytes));
      else check(bytes);
      if (client.received !== total) return;
      left = true;
      client.channel.leaveTls();
    };
    callBare(port, client);
    await client.whenOpened;
    await until('the server has accepted', () => peers.length === 1);
    const server = peers[0]!;
    client.channel.pause();
    let bare = false;
    server.channel.pause();
    send(server, total, () => {
      server.onWritable = () => {
        bare = true;
        server.channel.write(BARE_DOWN);
      };
      server.channel.leaveTls();
    });
    await sleep(200);
    expect(bare).toBe(false);
    client.channel.resume();
    await until('all came', () => client.received === total + BARE_DOWN.length, 15_000);
    expect(Buffer.concat(late).equals(BARE_DOWN)).toBe(true);
  });

  test('is possible once, and on connections that were opened for it', async () => {
    const { client, server } = await bareScene();
    expect(() => client.channel.leaveTls()).toThrow(/has left TLS already/);
    expect(() => server.channel.leaveTls()).toThrow(/has left TLS already/);
    client.channel.abort();
    client.channel.leaveTls();
    const { listener, port } = await startServer(network, identity);
    listeners.push(listener);
    const peer = new Peer();
    peer.channel = network.connect({ host: '127.0.0.1', port, timeoutMs: 5_000 }, peer);
    channels.push(peer.channel);
    peer.channel.leaveTls();
    await peer.whenOpened;
    expect(() => peer.channel.leaveTls()).toThrow(/opened without `bare: true`/);
    peer.channel.close();
    peer.channel.leaveTls();
  });

  test('may never come: then the connection is one with TLS like any other', async () => {
    const total = 8 * 1024 * 1024;
    const { listener, port, peers } = await startServer(network, identity, () => new Peer());
    listeners.push(listener);
    const middle = await startMiddle(port);
    middles.push(middle);
    const client = new Peer();
    callBare(middle.port, client);
    await client.whenOpened;
    await until('the server has accepted', () => peers.length === 1);
    const server = peers[0]!;
    client.onData = checker();
    server.onData = checker();
    send(client, total);
    let sent = false;
    send(server, total, () => {
      sent = true;
      server.channel.close();
    });
    expect(await client.whenClosed).toBeUndefined();
    expect(sent).toBe(true);
    expect(client.received).toBe(total);
    expect(dissect(middle.passages[0]!.down).bare.length).toBe(0);
  });
});

describe('with another TLS stack', () => {
  /** A TLS server of the runtime that answers inside TLS; what is bare is said by the middle in its place. */
  async function reference(maxVersion: tls.SecureVersion): Promise<{ port: number }> {
    const server = tls.createServer({ cert: identity.certificate, key: identity.key, maxVersion }, (socket) => {
      socket.on('error', () => undefined);
      socket.on('data', () => socket.write(SHORT_ANSWER));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => server.close());
    return { port: (server.address() as { port: number }).port };
  }

  test.each([
    'TLSv1.2',
    'TLSv1.3',
  ] as const)('a client finds the switch where tickets, the last record and what is bare share a segment, %s', async (version) => {
    const { port } = await reference(version);
    const middle = await startMiddle(port);
    middles.push(middle);
    const client = new Asker(SHORT_ANSWER.length);
    // From the end of the handshake on, what the server says is held back.
    const opened = client.opened.bind(client);
    client.opened = () => {
      middle.delivery = 'held';
      opened();
      client.ask();
    };
    client.onBare = () => client.channel.write(BARE_UP);
    callBare(middle.port, client);
    await client.whenOpened;
    const { server, down } = middle.passages[0]!;
    await until('the answer has come to the middle', () =>
      OVERHEADS.includes(dissect(down).records.at(-1)!.length - SHORT_ANSWER.length),
    );
    expect(client.received).toBe(0);
    // The TLS server would complain of what is bare.
    middle.upDelivery = 'held';
    middle.delivery = 'whole';
    server.emit('data', BARE_DOWN);
    await until('all came down', () => client.received === SHORT_ANSWER.length + BARE_DOWN.length);
    expect(client.channel.security?.protocol).toBe(version);
    expect(Buffer.concat(client.chunks!).equals(Buffer.concat([SHORT_ANSWER, BARE_DOWN]))).toBe(true);
    await until('all went up', () => dissect(middle.passages[0]!.up).bare.length === BARE_UP.length);
    expectSwitch(middle.passages[0]!.up, REQUEST.length, BARE_UP);
  });

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('a server leaves, %s', async (maxVersion) => {
    let writable = false;
    const { listener, port, peers } = await startServer(network, identity, () => {
      const server = new Leaver(SHORT_ANSWER);
      server.onBare = () => {
        writable = true;
      };
      return server;
    });
    listeners.push(listener);
    const middle = await startMiddle(port);
    middles.push(middle);
    const client = tls.connect({ port: middle.port, host: '127.0.0.1', maxVersion, rejectUnauthorized: false });
    cleanups.push(() => client.destroy());
    client.on('error', () => undefined);
    let answered = '';
    client.on('secureConnect', () => client.write(REQUEST));
    client.on('data', (bytes: Buffer) => {
      answered += String(bytes);
      // The client says what is bare the moment it has the answer: nothing waits for the server to be ready.
      if (answered === SHORT_ANSWER.toString()) middle.passages[0]!.server.write(BARE_UP);
    });
    await until('the server has accepted', () => peers.length === 1);
    const server = peers[0] as Leaver;
    expect(server.channel.security?.protocol).toBe(maxVersion);
    await until('all came up', () => server.received === REQUEST.length + BARE_UP.length);
    expect(Buffer.concat(server.chunks!).equals(Buffer.concat([REQUEST, BARE_UP]))).toBe(true);
    await until('it can write', () => writable);
    server.channel.write(BARE_DOWN);
    await until('all went down', () => dissect(middle.passages[0]!.down).bare.length === BARE_DOWN.length);
    expectSwitch(middle.passages[0]!.down, SHORT_ANSWER.length, BARE_DOWN);
  });
});

describe('afterwards', () => {
  const TOTAL = 24 * 1024 * 1024;

  test('many bytes both ways at once, from memory that is reused after every write', async () => {
    const { client, server } = await bareScene();
    client.onData = checker();
    server.onData = checker();
    send(client, TOTAL);
    send(server, TOTAL);
    await until('all has arrived', () => client.received === TOTAL && server.received === TOTAL, 20_000);
  });

  test.each(['client', 'server'] as const)('a slow %s holds the sender back and gets every byte', async (slow) => {
    const made = await directScene();
    const [reader, writer] = slow === 'client' ? [made.client, made.server] : [made.server, made.client];
    const check = checker();
    let pauses = 0;
    reader.onData = (bytes) => {
      check(bytes);
      reader.channel.pause();
      setTimeout(() => reader.channel.resume(), pauses++ % 4);
    };
    let sent = false;
    reader.channel.pause();
    send(writer, TOTAL, () => {
      sent = true;
    });
    await sleep(300);
    expect(reader.received).toBe(0);
    expect(sent).toBe(false);
    expect(writer.channel.writable).toBe(false);
    expect(writer.channel.write(new Uint8Array(10))).toBe(0);
    reader.channel.resume();
    await until('all has arrived', () => reader.received === TOTAL, 20_000);
  });

  test.each(['client', 'server'] as const)('close of the %s delivers everything, and no close_notify', async (who) => {
    const total = 3 * 1024 * 1024;
    const made = await bareScene();
    const [closer, other] = who === 'client' ? [made.client, made.server] : [made.server, made.client];
    const check = checker();
    other.onData = (bytes) => {
      check(bytes);
      other.channel.pause();
      setTimeout(() => other.channel.resume(), 1);
    };
    send(closer, total, () => closer.channel.close());
    expect(await other.whenClosed).toBeUndefined();
    expect(other.received).toBe(total);
    expect(await closer.whenClosed).toBeUndefined();
    expect(closer.events).toEqual(['opened', 'closed']);
    const { passage } = made;
    const chunks = who === 'client' ? passage.up : passage.down;
    expectSwitch(chunks, who === 'client' ? REQUEST.length : SHORT_ANSWER.length, stretch(0, total));
  });

  test.each(['client', 'server'] as const)('abort of the %s', async (who) => {
    const made = await bareScene();
    const [one, other] = who === 'client' ? [made.client, made.server] : [made.server, made.client];
    one.channel.abort();
    expect(one.events).toEqual(['opened']);
    expect(await one.whenClosed).toBeUndefined();
    await other.whenClosed;
    expect(other.events).toEqual(['opened', 'closed']);
    const chunks = who === 'client' ? made.passage.up : made.passage.down;
    expect(dissect(chunks).bare.length).toBe(0);
  });

  test('a peer that resets the connection', async () => {
    const { client, server, passage } = await bareScene();
    passage.client.resetAndDestroy();
    passage.server.resetAndDestroy();
    for (const peer of [client, server]) {
      const error = await peer.whenClosed;
      expect(error?.message).toMatch(/^The connection with 127\.0\.0\.1:\d+ was lost: .*reset.* \(ECONNRESET\)\.$/);
      expect(peer.channel.write(new Uint8Array(5))).toBe(0);
    }
  });

  test('a peer that resets the connection while nobody reads and much is to be sent', async () => {
    const { client, server, passage } = await bareScene();
    for (const peer of [client, server]) peer.channel.pause();
    passage.client.pause();
    passage.server.pause();
    send(client, TOTAL);
    send(server, TOTAL);
    await sleep(100);
    passage.client.resetAndDestroy();
    passage.server.resetAndDestroy();
    for (const peer of [client, server]) expect((await peer.whenClosed)?.code).toMatch(/^(ECONNRESET|EPIPE)$/);
  });

  test('a peer that sends FIN', async () => {
    const { client, server, passage } = await bareScene();
    passage.client.end();
    passage.server.end();
    for (const peer of [client, server]) expect(await peer.whenClosed).toBeUndefined();
  });
});

describe('while it leaves', () => {
  test.each(['close', 'abort'] as const)('%s of the server', async (how) => {
    const { client, server } = await scene(SHORT_ANSWER);
    // In the same turn as leaveTls.
    const { channel } = server;
    const leave = channel.leaveTls.bind(channel);
    channel.leaveTls = () => {
      leave();
      setImmediate(() => channel[how]());
      queueMicrotask(() => channel[how]());
    };
    client.ask();
    expect(await server.whenClosed).toBeUndefined();
    await client.whenClosed;
    expect(client.events).toEqual(['opened', 'closed']);
    expect(server.writables).toBe(0);
    if (how === 'close') expect(client.text).toBe(SHORT_ANSWER.toString());
  });

  test.each(['close', 'abort'] as const)('%s of the client', async (how) => {
    const { client, server, passage } = await scene(SHORT_ANSWER, 'together');
    client.onLeft = () => client.channel[how]();
    server.onBare = () => server.channel.write(BARE_DOWN);
    client.ask();
    expect(await client.whenClosed).toBeUndefined();
    expect(client.received).toBe(SHORT_ANSWER.length);
    await server.whenClosed;
    expectSwitch(passage.up, REQUEST.length, Buffer.alloc(0));
  });

  test('the server vanishes', async () => {
    const { client, server, passage } = await scene(SHORT_ANSWER);
    client.onLeft = () => passage.client.resetAndDestroy();
    client.ask();
    const error = await client.whenClosed;
    expect(error?.code).toBe('ECONNRESET');
    server.channel.abort();
  });
});

describe('between Node and Bun', () => {
  const other = thisRuntime === 'bun' ? 'node' : 'bun';

  let out: string | undefined;
  let script = join(import.meta.dirname, 'leave-probe.ts');

  // Node 20 runs no TypeScript. What tsc makes is also what is shipped.
  beforeAll(() => {
    if (other === 'bun') return;
    // Within the package, so that what is compiled finds its modules.
    mkdirSync(join(projectRoot, 'dist'), { recursive: true });
    out = mkdtempSync(join(projectRoot, 'dist/test-hosts-'));
    const options = ['--module', 'nodenext', '--target', 'es2023', '--rewriteRelativeImportExtensions', '--noCheck'];
    execFileSync(process.execPath, [
      join(projectRoot, 'node_modules/typescript/bin/tsc'),
      ...['--ignoreConfig', '--rootDir', projectRoot, '--outDir', out, ...options],
      ...['--types', 'node,bun-types', script],
    ]);
    script = join(out, 'test/hosts/leave-probe.js');
  });
  afterAll(() => {
    if (out !== undefined) rmSync(out, { recursive: true, force: true });
  });

  /** Starts leave-probe.ts in the other runtime. */
  function probe(...words: string[]): { line: (start: string) => Promise<string> } {
    const child = spawn(runtimePath(other), [script, other, ...words], {
      env: { ...process.env, CERTIFICATE: identity.certificate, KEY: identity.key },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    cleanups.push(() => child.kill());
    let output = '';
    child.stdout.on('data', (text) => {
      output += text;
    });
    return {
      async line(start) {
        const find = (): string | undefined => output.split('\n').find((each) => each.startsWith(start));
        await until(`${other} says ${start}`, () => find() !== undefined, 20_000);
        return find()!.slice(start.length).trim();
      },
    };
  }

  const TOTAL = 16 * 1024 * 1024;

  test(`a client here, a server in ${other}`, async () => {
    const { line } = probe('server', String(TOTAL));
    const port = Number(await line('port'));
    const client = new Asker(SHORT_ANSWER.length, false);
    client.onBare = () => {
      client.received = 0;
      client.onData = checker();
      send(client, TOTAL);
    };
    callBare(port, client);
    await client.whenOpened;
    client.ask();
    await until('all came', () => client.received === TOTAL, 15_000);
    expect(await line('received')).toBe(`${TOTAL} right`);
  });

  test(`a server here, a client in ${other}`, async () => {
    const { listener, port, peers } = await startServer(network, identity, () => {
      const server = new Leaver(SHORT_ANSWER, false);
      server.onBare = () => {
        server.onData = checker();
        send(server, TOTAL);
      };
      return server;
    });
    listeners.push(listener);
    const { line } = probe('client', String(TOTAL), String(port));
    await until('the server has accepted', () => peers.length === 1);
    const server = peers[0]!;
    await until('all came', () => server.received === REQUEST.length + TOTAL, 15_000);
    expect(await line('received')).toBe(`${TOTAL} right`);
  });
});
