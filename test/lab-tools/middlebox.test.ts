/** The middlebox: every fault does what it says, to the connections it says, and nothing else happens. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Middlebox } from '../../lab/middlebox.ts';
import { changeFaults, type Faults } from '../../lab/middlebox-faults.ts';
import { type MiddleboxEvent, Relay } from '../../lab/middlebox-relay.ts';
import { OneWayRule, seededRandom, TlsRule } from '../../lab/middlebox-rules.ts';
import { Lab, type LabHost } from '../../lab/netns.ts';
import { processStartTicks } from '../../lab/owner.ts';
import { measureTraffic, startTraffic } from '../../lab/tools.ts';
import { buildTools } from './build.ts';

const LOOPBACK = '127.0.0.1';

/** A client of the middlebox and what it has seen. */
interface Client {
  readonly socket: Socket;
  readonly got: { bytes: number; lastAt: number; ended: boolean; error: string | undefined; closed: boolean };
}

describe('the relay', () => {
  let server: Server;
  let relay: Relay;
  let events: MiddleboxEvent[];
  let clients: Client[];
  /** The server's ends, in the order of their arrival. By default it sends back what it gets. */
  let arrived: { socket: Socket; bytes: number; hash: ReturnType<typeof createHash> }[];
  let echo: boolean;

  beforeEach(async () => {
    [events, clients, arrived, echo] = [[], [], [], true];
    server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      const entry = { socket, bytes: 0, hash: createHash('sha256') };
      arrived.push(entry);
      socket.on('error', () => {});
      socket.on('data', (data) => {
        entry.bytes += data.length;
        entry.hash.update(data);
        if (echo) socket.write(data);
      });
      socket.on('end', () => socket.end());
    });
    await new Promise<void>((resolve) => server.listen(0, LOOPBACK, resolve));
  });
  afterEach(() => {
    relay.stop();
    for (const { socket } of clients) socket.destroy();
    for (const { socket } of arrived) socket.destroy();
    server.close();
  });

  async function start(faults: Faults = {}, seed = 1): Promise<void> {
    const { port } = server.address() as { port: number };
    const config = { port: 0, host: LOOPBACK, target: { host: LOOPBACK, port }, seed, faults };
    relay = await Relay.start(config, (event) => events.push(event));
  }

  function port(): number {
    const listening = events.find((event) => event.type === 'listening');
    return listening?.type === 'listening' ? listening.port : 0;
  }

  async function open(): Promise<Client> {
    const socket = connect({ port: port(), host: LOOPBACK, allowHalfOpen: true, noDelay: true });
    const client: Client = {
      socket,
      got: { bytes: 0, lastAt: 0, ended: false, error: undefined, closed: false },
    };
    clients.push(client);
    socket.on('data', (data) => {
      client.got.bytes += data.length;
      client.got.lastAt = performance.now();
    });
    socket.on('end', () => {
      client.got.ended = true;
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      client.got.error = error.code ?? error.message;
    });
    socket.on('close', () => {
      client.got.closed = true;
    });
    await new Promise((resolve) => socket.once('connect', resolve));
    return client;
  }

  /** Connections that have reached the server, one after the other so that their numbers are known. */
  async function openAll(count: number): Promise<Client[]> {
    const all: Client[] = [];
    for (let i = 0; i < count; i++) {
      all.push(await open());
      await until(() => arrived.length === i + 1 && opened() === i + 1);
    }
    return all;
  }

  const opened = (): number => events.filter((event) => event.type === 'opened').length;
  const closed = () => events.filter((event) => event.type === 'closed');

  it('forwards both ways byte for byte, ends half by half and counts', async () => {
    await start();
    const [client] = await openAll(1);
    const data = Buffer.alloc(3_000_000, 'etherloom');
    client!.socket.end(data);
    await until(() => client!.got.closed);
    expect(client!.got).toMatchObject({ bytes: data.length, ended: true, error: undefined });
    expect(arrived[0]!.hash.digest('hex')).toBe(createHash('sha256').update(data).digest('hex'));
    const amounts = { received: data.length, delivered: data.length };
    await until(() => closed().length === 1);
    expect(closed()).toMatchObject([{ id: 1, cause: 'client', how: 'fin', up: amounts, down: amounts }]);
    const [second] = await openAllMore(1);
    second!.socket.resetAndDestroy();
    await until(() => closed().length === 2);
    expect(closed()[1]).toMatchObject({ id: 2, cause: 'client', how: 'rst', reason: 'ECONNRESET' });
    expect(relay.statistics()).toMatchObject({ accepted: 2, open: [], closed: { client: 2 }, up: amounts });
    server.close();
    for (const { socket } of arrived) socket.destroy();
    const third = await open();
    await until(() => third.got.closed);
    expect(third.got.error).toBe('ECONNRESET');
    expect(closed()[2]).toMatchObject({ cause: 'unreachable', reason: 'ECONNREFUSED' });
  });

  async function openAllMore(count: number): Promise<Client[]> {
    const before = arrived.length;
    const all: Client[] = [];
    for (let i = 1; i <= count; i++) {
      all.push(await open());
      await until(() => arrived.length === before + i);
    }
    return all;
  }

  it.each(['rst', 'fin', 'hang'] as const)('expires connections at their age by %s', async (how) => {
    await start({ expire: { afterMs: 300, how } });
    const [client] = await openAll(1);
    client!.socket.write('x');
    await until(() => client!.got.bytes === 1);
    await wait(150);
    const [younger] = await openAllMore(1);
    await until(() => closed().length === 1, 1000);
    expect(younger!.got.closed).toBe(false);
    await until(() => closed().length === 2, 1000);
    for (const event of closed()) {
      expect(event).toMatchObject({ cause: 'expire', how });
      expect(event.type === 'closed' && event.age).toBeGreaterThanOrEqual(297);
      expect(event.type === 'closed' && event.age).toBeLessThan(600);
    }
    if (how === 'rst') {
      await until(() => client!.got.closed);
      expect(client!.got.error).toBe('ECONNRESET');
    } else if (how === 'fin') {
      await until(() => client!.got.ended);
      expect(client!.got.error).toBeUndefined();
      client!.socket.end();
      await until(() => client!.got.closed);
    } else {
      client!.socket.write('more');
      await wait(300);
      expect(client!.got).toMatchObject({ bytes: 1, ended: false, closed: false });
      expect(arrived[0]!.bytes).toBe(1);
    }
  });

  it('applies an expiry to connections that are older already', async () => {
    await start();
    await openAll(1);
    await wait(200);
    relay.set({ expire: { afterMs: 100 } });
    await until(() => closed().length === 1, 400);
    relay.set({ expire: null });
    await openAllMore(1);
    await wait(250);
    expect(closed()).toHaveLength(1);
  });

  it('resets a random connection at each interval, the same ones for the same seed', async () => {
    const victims = async (seed: number): Promise<number[]> => {
      const began = closed().length;
      await start({}, seed);
      const before = opened();
      for (let i = 1; i <= 6; i++) {
        await open();
        await until(() => opened() === before + i);
      }
      relay.set({ random: { everyMs: 60 } });
      const since = performance.now();
      await until(() => closed().length === began + 4, 2000);
      expect(performance.now() - since).toBeGreaterThanOrEqual(235);
      relay.set({ random: null });
      await wait(100);
      const ends = closed().slice(began);
      expect(ends).toHaveLength(4);
      expect(ends.every((event) => event.type === 'closed' && event.cause === 'random' && event.how === 'rst')).toBe(
        true,
      );
      relay.stop();
      await wait(20);
      events.length = 0;
      return ends.map((event) => (event.type === 'closed' ? event.id : 0));
    };
    const first = await victims(7);
    expect(await victims(7)).toEqual(first);
    const others = [await victims(8), await victims(9)];
    expect(others.some((each) => each.join() !== first.join())).toBe(true);
  });

  it('stalls one direction of one connection, or of all, and loses nothing by it', async () => {
    echo = false;
    await start();
    const [one, two] = await openAll(2);
    relay.stall({ way: 'up', ms: 400, connection: 1 });
    const began = performance.now();
    one!.socket.write('a');
    two!.socket.write('b');
    arrived[0]!.socket.write('c');
    await until(() => arrived[1]!.bytes === 1 && one!.got.bytes === 1);
    expect(performance.now() - began).toBeLessThan(200);
    expect(arrived[0]!.bytes).toBe(0);
    await until(() => arrived[0]!.bytes === 1);
    expect(performance.now() - began).toBeGreaterThanOrEqual(395);

    relay.stall({ way: 'down', ms: 300 });
    const again = performance.now();
    const big = Buffer.alloc(20_000_000, 1);
    for (const { socket } of arrived) socket.write(big);
    one!.socket.write('a');
    await until(() => arrived[0]!.bytes === 2);
    await wait(200);
    expect([one!.got.bytes, two!.got.bytes]).toEqual([1, 0]);
    // What the sender cannot get rid of stays with the sender: the middlebox stops reading.
    expect(arrived[0]!.socket.writableLength).toBeGreaterThan(10_000_000);
    await until(() => one!.got.bytes === 20_000_001 && two!.got.bytes === 20_000_000, 3000);
    expect(performance.now() - again).toBeGreaterThanOrEqual(295);
    expect(() => relay.stall({ ms: 1, connection: 9 })).toThrow('none that is open has the number 9');
  });

  it('drops to zero: what is open stalls both ways, what is new hangs, and all goes on afterwards', async () => {
    await start();
    const [old] = await openAll(1);
    relay.blackout(400);
    const began = performance.now();
    old!.socket.write('a');
    arrived[0]!.socket.write('b');
    const late = await open();
    late.socket.write('c');
    await wait(250);
    expect(old!.got.bytes + arrived[0]!.bytes).toBe(0);
    expect(arrived).toHaveLength(1);
    await until(() => old!.got.bytes === 2 && late.got.bytes === 1);
    expect(performance.now() - began).toBeGreaterThanOrEqual(395);
    expect(closed()).toEqual([]);
  });

  it('delays each way', async () => {
    await start({ delay: { ms: 80 } });
    const [client] = await openAll(1);
    const began = performance.now();
    client!.socket.end('a');
    await until(() => client!.got.bytes === 1);
    const took = performance.now() - began;
    expect(took).toBeGreaterThanOrEqual(158);
    expect(took).toBeLessThan(400);
    await until(() => client!.got.ended); // the end too, and behind the data
    relay.set({ delay: null });
    const [fast] = await openAllMore(1);
    const again = performance.now();
    fast!.socket.write('a');
    await until(() => fast!.got.bytes === 1);
    expect(performance.now() - again).toBeLessThan(80);
  });

  it('caps each connection for itself', async () => {
    echo = false;
    await start({ rate: { bitsPerSecond: 16_000_000 } }); // 2 bytes per microsecond
    const all = await openAll(2);
    const began = performance.now();
    for (const { socket } of all) socket.write(Buffer.alloc(1_000_000));
    await until(() => arrived.every((each) => each.bytes === 1_000_000), 3000);
    const took = performance.now() - began;
    expect(took).toBeGreaterThan(450);
    expect(took).toBeLessThan(850);
  });

  it('lets only TLS through, and shows the target nothing of the rest', async () => {
    await start({ tls: { timeoutMs: 300 } });
    const plain = await open();
    plain.socket.write('GET / HTTP/1.1\r\n\r\n');
    await until(() => plain.got.closed);
    expect(plain.got.error).toBe('ECONNRESET');
    expect(closed()[0]).toMatchObject({ cause: 'tls', reason: 'record 1: type 71' });
    const mute = await open();
    await until(() => mute.got.closed, 1000);
    expect(closed()[1]).toMatchObject({ cause: 'tls', reason: 'no ClientHello in time' });
    const hello = await clientHello('vpn.example');
    const good = await open();
    good.socket.write(hello.subarray(0, 50));
    await until(() => arrived.length === 3);
    await wait(30);
    expect(arrived[2]!.bytes).toBe(0); // before the hello is complete and good
    for (let i = 50; i < hello.length; i += 50) {
      good.socket.write(hello.subarray(i, i + 50));
      await wait(1);
    }
    await until(() => good.got.bytes === hello.length);
    expect(events.find((event) => event.type === 'hello')).toMatchObject({ sni: 'vpn.example' });
    good.socket.write('not TLS any more'); // it was told to look at one record
    await until(() => good.got.bytes === hello.length + 16);
    expect(arrived.reduce((sum, each) => sum + each.bytes, 0)).toBe(hello.length + 16);

    relay.set({ tls: { records: 3 } });
    const liar = await open();
    liar.socket.write(Buffer.concat([hello, Buffer.from([23, 3, 3, 0, 1, 9])]));
    await until(() => liar.got.bytes === hello.length + 6);
    liar.socket.write('bare stream');
    await until(() => liar.got.closed);
    expect(closed()[2]).toMatchObject({ cause: 'tls', reason: 'record 3: type 98' });
    relay.set({ tls: null });
    const free = await open();
    free.socket.write('GET');
    await until(() => free.got.bytes === 3);
  });

  it('kills connections that carry bodies both ways, not those that carry one', async () => {
    echo = false;
    await start({ oneWay: { bytes: 10_000 } });
    const [up, down, both] = await openAll(3);
    for (const [i, client] of [up!, down!, both!].entries()) {
      client.socket.write('request'.repeat(3000)); // the first exchange is free, however long
      await until(() => arrived[i]!.bytes === 21_000);
      arrived[i]!.socket.write('response'.repeat(3000));
      await until(() => client.got.bytes === 24_000);
    }
    up!.socket.write(Buffer.alloc(200_000));
    arrived[1]!.socket.write(Buffer.alloc(200_000));
    await until(() => arrived[0]!.bytes === 221_000 && down!.got.bytes === 224_000);
    // As a half-duplex connection has it: what little goes the other way is suffered.
    arrived[0]!.socket.write(Buffer.alloc(9_000));
    down!.socket.write(Buffer.alloc(9_000));
    await until(() => up!.got.bytes === 33_000 && arrived[1]!.bytes === 30_000);
    both!.socket.write(Buffer.alloc(50_000));
    await until(() => arrived[2]!.bytes === 71_000);
    arrived[2]!.socket.write(Buffer.alloc(10_000));
    await until(() => both!.got.bytes === 34_000);
    expect(closed()).toEqual([]);
    arrived[2]!.socket.write('x');
    await until(() => both!.got.closed);
    expect(closed()).toMatchObject([{ id: 3, cause: 'oneWay', reason: '50000 bytes up and 10001 down' }]);
    arrived[0]!.socket.write(Buffer.alloc(1_001));
    await until(() => up!.got.closed);
  });

  it('ends connections on command', async () => {
    await start();
    const [one, two, three] = await openAll(3);
    relay.end({ connection: 2 });
    await until(() => two!.got.closed);
    expect(one!.got.closed || three!.got.closed).toBe(false);
    relay.end({ how: 'fin' });
    await until(() => one!.got.ended && three!.got.ended);
    expect(relay.statistics()).toMatchObject({ open: [], closed: { command: 3 } });
  });
});

describe('the rules', () => {
  it('know a ClientHello from what resembles one', async () => {
    const named = await clientHello('vpn.example');
    const nameless = await clientHello();
    const judge = (data: Uint8Array, settings = {}) => {
      const rule = new TlsRule(settings);
      return rule.take(data) ?? (rule.hello === undefined ? 'incomplete' : (rule.hello.sni ?? 'no name'));
    };
    const changed = (at: number, value: number): Buffer => {
      const copy = Buffer.from(named);
      copy[at] = value;
      return copy;
    };
    expect(judge(named)).toBe('vpn.example');
    expect(judge(nameless)).toBe('no name');
    expect(judge(named, { sni: 'required' })).toBe('vpn.example');
    expect(judge(nameless, { sni: 'required' })).toBe('no server name');
    expect(judge(named, { sni: 'forbidden' })).toBe('server name vpn.example');
    expect(judge(nameless, { sni: 'forbidden' })).toBe('no name');
    expect(judge(named.subarray(0, -1))).toBe('incomplete');
    expect(judge(Buffer.from('80', 'hex'))).toBe('record 1: type 128'); // SSL 2
    expect(judge(Buffer.from('SSH-2.0-x'))).toBe('record 1: type 83');
    expect(judge(Buffer.from([22, 2]))).toBe('record 1: version 2');
    expect(judge(changed(2, 0))).toBe('record 1: version 3.0');
    expect(judge(changed(2, 4))).toBe('record 1: version 3.4');
    expect(judge(Buffer.from([22, 3, 1, 0xff, 0xff]))).toBe('record 1: length 65535');
    expect(judge(changed(5, 2))).toBe('handshake message 2');
    expect(judge(changed(10, 9))).toBe('ClientHello: version 309');
    expect(judge(changed(43, 33))).toBe('ClientHello: session id');
    expect(judge(changed(8, named[8]! - 1))).toBe('more than a ClientHello in its record');
    // The same hello in two records is as good.
    const body = named.subarray(5);
    const split = [body.subarray(0, 7), body.subarray(7)].flatMap((part) => [
      Buffer.from([22, 3, 1, part.length >> 8, part.length & 255]),
      part,
    ]);
    expect(judge(Buffer.concat(split))).toBe('vpn.example');
    expect(judge(Buffer.concat([split[0]!, split[1]!, Buffer.from([23, 3, 1])]))).toBe('record 2: type 23');
  });

  it('count turns and bytes', () => {
    const rule = new OneWayRule({ bytes: 10, exchanges: 2 });
    expect([rule.take('up', 99), rule.take('down', 99), rule.take('up', 99), rule.take('down', 99)]).toEqual([
      ...[undefined, undefined, undefined, undefined],
    ]);
    expect([rule.take('up', 11), rule.take('down', 10), rule.take('down', 1)]).toEqual([
      ...[undefined, undefined, '11 bytes up and 11 down'],
    ]);
    expect(new OneWayRule({ bytes: 0, exchanges: 0 }).take('up', 5)).toBeUndefined();
  });

  it('draw the same numbers from the same seed', () => {
    const draw = (seed: number): number[] => Array.from({ length: 50 }, seededRandom(seed));
    expect(draw(3)).toEqual(draw(3));
    expect(draw(3)).not.toEqual(draw(4));
    expect(draw(3).every((value) => value >= 0 && value < 1)).toBe(true);
  });

  it('name what is wrong with a setting', () => {
    expect(changeFaults({ delay: { ms: 1 }, oneWay: { bytes: 2 } }, { delay: null, expire: { afterMs: 3 } })).toEqual({
      oneWay: { bytes: 2 },
      expire: { afterMs: 3 },
    });
    const wrong = (change: unknown) => () => changeFaults({}, change as Faults);
    expect(wrong({ expires: {} })).toThrow('faults: expected one of expire, random, tls');
    expect(wrong({ expire: {} })).toThrow('expire.afterMs: expected a number of at least 0, got undefined');
    expect(wrong({ random: { everyMs: 0 } })).toThrow('random.everyMs: expected a number of at least 1, got 0');
    expect(wrong({ expire: { afterMs: 1, how: 'gently' } })).toThrow('expire.how: expected one of rst, fin, hang');
    expect(wrong({ delay: { seconds: 1 } })).toThrow('delay: there is no "seconds"');
  });
});

describe.runIf(process.getuid?.() === 0)('the middlebox in a host', () => {
  let tools: ReturnType<typeof buildTools>;
  let lab: Lab;
  let [client, box, server]: LabHost[] = [];
  beforeAll(async () => {
    tools = buildTools();
    lab = await Lab.create();
    const lan = await lab.addSwitch('lan');
    [client, box, server] = [await lab.addHost('client'), await lab.addHost('box'), await lab.addHost('server')];
    await lab.connect(client, lan, { address: '10.9.0.1/24' });
    await lab.connect(box, lan, { address: '10.9.0.2/24' });
    await lab.connect(server, lan, { address: '10.9.0.3/24' });
  });
  afterAll(async () => {
    await lab?.close();
    tools?.remove();
  });

  it('forwards, changes its faults while it runs, says what happened and leaves nothing', async () => {
    await startTraffic(server!);
    const target = { host: '10.9.0.3', port: 5201 };
    const middlebox = await Middlebox.start(box!, { port: 443, target, seed: 5 });
    const to = { host: '10.9.0.2', port: 443 };
    const clean = await measureTraffic(client!, { ...to, bytes: 40_000_000, direction: 'both', checksum: true });
    console.log(
      `through the middlebox: ${Math.round(clean.mbits)} Mbit/s, stall ${Math.round(clean.longestStallMs)} ms`,
    );
    expect(clean).toMatchObject({ bytes: 80_000_000, checksum: 'match' });
    expect(clean.longestStallMs).toBeLessThan(500);
    expect(middlebox.eventsOf('opened')).toHaveLength(3);
    expect(middlebox.eventsOf('opened')[0]!.from).toMatch(/^10\.9\.0\.1:\d+$/);

    // The control connection is the fourth, the flows are the fifth and the sixth.
    const stalled = measureTraffic(client!, { ...to, seconds: 2.2, direction: 'both' });
    await middlebox.waitFor('opened', (event) => event.id === 6);
    // Both flows have begun, or their own first lines would be stalled.
    const flow = async (id: number) => (await middlebox.connections()).find((each) => each.id === id);
    await until(async () => (await flow(5))!.up.received > 1e6 && (await flow(6))!.down.received > 1e6);
    await middlebox.stall({ way: 'up', ms: 800 });
    await wait(1000);
    await middlebox.stall({ way: 'down', ms: 600, connection: 6 });
    const result = await stalled;
    expect(result.up!.longestStallMs).toBeGreaterThan(750);
    expect(result.up!.longestStallMs).toBeLessThan(1200);
    expect(result.down!.longestStallMs).toBeGreaterThan(550);
    expect(result.down!.longestStallMs).toBeLessThan(780);
    expect(result.longestStallMs).toBe(result.up!.longestStallMs);

    await middlebox.set({ rate: { bitsPerSecond: 20_000_000 } });
    const slow = await measureTraffic(client!, { ...to, bytes: 4_000_000, flows: 2 });
    expect(slow.mbits).toBeGreaterThan(34);
    expect(slow.mbits).toBeLessThan(44);
    await middlebox.set({ rate: null, expire: { afterMs: 400 } });
    await expect(measureTraffic(client!, { ...to, seconds: 2 })).rejects.toThrow(/ECONNRESET|closed/);
    const expired = await middlebox.waitFor('closed', (event) => event.cause === 'expire');
    expect(expired).toMatchObject({ how: 'rst' });
    await expect(middlebox.set({ delay: { ms: -1 } })).rejects.toThrow('delay.ms: expected a number of at least 0');
    await expect(middlebox.end({ connection: 1 })).rejects.toThrow('none that is open has the number 1');
    await middlebox.set({ expire: null });
    const cut = measureTraffic(client!, { ...to, seconds: 5 });
    cut.catch(() => {});
    await until(async () => (await middlebox.connections()).length === 2);
    await middlebox.end();
    await expect(cut).rejects.toThrow(/ECONNRESET|closed/);

    const pids = await box!.pids();
    expect(pids).toHaveLength(1);
    const last = await middlebox.stop();
    expect(last.open).toEqual([]);
    expect(last.accepted).toBe(middlebox.eventsOf('closed').length);
    expect(last.closed).toMatchObject({ command: 2 });
    expect(last.up.received).toBeGreaterThan(40_000_000);
    expect(last.up.received).toBeGreaterThanOrEqual(last.up.delivered);
    expect(pids.filter((pid) => processStartTicks(pid) !== undefined)).toEqual([]);
    await expect(middlebox.set({})).rejects.toThrow('ended, exit code 0');
    const bad = Middlebox.start(box!, { port: 443, target, faults: { delay: { ms: -1 } } });
    await expect(bad).rejects.toThrow('delay.ms: expected');
  });

  it('holds little at a limited rate when its buffers are small', async () => {
    const traffic = await startTraffic(server!, { port: 5301 });
    const target = { host: '10.9.0.3', port: 5301 };
    const options = { port: 444, target, faults: { rate: { bitsPerSecond: 8_000_000 } }, bufferBytes: 32_768 };
    const middlebox = await Middlebox.start(box!, options);
    await client!.sysctl('net/ipv4/tcp_wmem', '4096 32768 32768');
    const result = await measureTraffic(client!, { host: '10.9.0.2', port: 444, seconds: 1 });
    expect(result.mbits).toBeLessThan(9);
    // Whatever the sender could leave on the way when its second was over comes out at a byte per microsecond.
    expect(result.seconds).toBeLessThan(1.9);
    await middlebox.stop();
    await traffic.stop();
  });

  it('is gone with the lab', async () => {
    const middlebox = await Middlebox.start(box!, { port: 445, target: { host: '10.9.0.3', port: 1 } });
    await lab.close();
    expect(middlebox.child.running).toBe(false);
    expect(execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' })).not.toContain(lab.id);
    expect(existsSync(lab.tempDir)).toBe(false);
  });
});

/** What Node's TLS sends first. */
async function clientHello(servername?: string): Promise<Buffer> {
  return await new Promise((resolve) => {
    const wire = new Duplex({
      read: () => {},
      write: (data: Buffer, _, done) => {
        resolve(data);
        done();
      },
    });
    connectTls({ socket: wire, ...(servername === undefined ? {} : { servername }) }).on('error', () => {});
  });
}

async function until(condition: () => boolean | Promise<boolean>, timeoutMs = 2000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${condition}`);
    await wait(2);
  }
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
