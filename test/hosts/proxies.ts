import { createServer, type Socket, connect as tcpConnect } from 'node:net';
import type { ProxyKind } from '../../engine/host.ts';

export interface TestProxy {
  readonly port: number;
  /** What was asked for, such as `localhost:443 as alice`. */
  readonly asked: string[];
  readonly sockets: Socket[];
  close(): void;
}

export interface TestProxyOptions {
  readonly user?: string;
  readonly password?: string;
  /** The answer is sent one byte at a time. */
  readonly slow?: boolean;
  /** What the proxy says instead of making the connection. */
  readonly refuse?: Buffer;
  /** Sent in one piece with the answer. */
  readonly behind?: Buffer;
}

/** A small proxy on loopback, written from the RFCs and not from what it tests. */
export async function startProxy(kind: ProxyKind, options: TestProxyOptions = {}): Promise<TestProxy> {
  const asked: string[] = [];
  const sockets: Socket[] = [];
  const serve = { http: serveHttp, socks4: serveSocks4, socks4a: serveSocks4, socks5: serveSocks5 }[kind];
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.push(socket.on('error', () => undefined));
    serve(new Conversation(socket, options, asked)).catch(() => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as { port: number }).port,
    asked,
    sockets,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** What a proxy and its client say to each other before the way is open. */
class Conversation {
  readonly options: TestProxyOptions;
  readonly asked: string[];
  readonly #socket: Socket;
  #buffer = Buffer.alloc(0);
  #wake: () => void = () => undefined;

  constructor(socket: Socket, options: TestProxyOptions, asked: string[]) {
    this.#socket = socket;
    this.options = options;
    this.asked = asked;
    socket.on('data', this.#take);
  }

  readonly #take = (chunk: Buffer): void => {
    this.#buffer = Buffer.concat([this.#buffer, chunk]);
    this.#wake();
  };

  async read(count: number): Promise<Buffer> {
    while (this.#buffer.length < count) await this.#more();
    const bytes = this.#buffer.subarray(0, count);
    this.#buffer = this.#buffer.subarray(count);
    return bytes;
  }

  /** Up to and without `end`. */
  async readUntil(end: string): Promise<string> {
    while (!this.#buffer.includes(end)) await this.#more();
    const text = this.#buffer.subarray(0, this.#buffer.indexOf(end)).toString();
    await this.read(text.length + end.length);
    return text;
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  async say(bytes: Buffer | string): Promise<void> {
    if (!this.options.slow) {
      this.#socket.write(bytes);
      return;
    }
    for (const byte of Buffer.from(bytes)) {
      this.#socket.write(Buffer.from([byte]));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  async end(bytes: Buffer | string): Promise<void> {
    await this.say(bytes);
    this.#socket.end();
  }

  /** Makes the connection, says `open`, and is a pipe from then on; or says `closed` when there is no way. */
  async pass(host: string, port: number, open: Buffer | string, closed: Buffer | string): Promise<void> {
    if (this.options.refuse !== undefined) return this.end(this.options.refuse);
    const target = tcpConnect({ host, port, noDelay: true });
    const reached = await new Promise((resolve) => {
      target.once('connect', () => resolve(true)).once('error', () => resolve(false));
    });
    if (!reached) return this.end(closed);
    target.on('error', () => this.#socket.destroy());
    this.#socket.on('close', () => target.destroy());
    await this.say(Buffer.concat([Buffer.from(open), this.options.behind ?? Buffer.alloc(0)]));
    this.#socket.off('data', this.#take);
    target.write(this.#buffer);
    this.#socket.pipe(target).pipe(this.#socket);
  }
}

async function serveHttp(talk: Conversation): Promise<void> {
  const head = (await talk.readUntil('\r\n\r\n')).split('\r\n');
  const { user, password } = talk.options;
  const [method, authority = ''] = head[0]!.split(' ');
  const basic = /^proxy-authorization: basic (.*)$/i.exec(head.find((line) => /^proxy-auth/i.test(line)) ?? '')?.[1];
  const said = Buffer.from(basic ?? '', 'base64').toString();
  talk.asked.push(`${authority}${basic === undefined ? '' : ` as ${said}`}`);
  if (method !== 'CONNECT') return talk.end('HTTP/1.1 405 Method Not Allowed\r\n\r\n');
  if (user !== undefined && said !== `${user}:${password}`) {
    return talk.end(
      'HTTP/1.1 407 Who Are You\r\nProxy-Authenticate: Basic realm="test"\r\nContent-Length: 3\r\n\r\nno\n',
    );
  }
  const [, bracketed, name, port] = /^(?:\[(.*)\]|(.*)):(\d+)$/.exec(authority)!;
  const open = 'HTTP/1.1 200 Go Ahead\r\nServer: test\r\n\r\n';
  return talk.pass(bracketed ?? name!, Number(port), open, 'HTTP/1.1 502 No Way There\r\n\r\n');
}

async function serveSocks4(talk: Conversation): Promise<void> {
  const head = await talk.read(8);
  const user = await talk.readUntil('\0');
  const address = [...head.subarray(4, 8)].join('.');
  const host = address.startsWith('0.0.0.') ? await talk.readUntil('\0') : address;
  const port = head.readUInt16BE(2);
  talk.asked.push(`${host}:${port}${user === '' ? '' : ` as ${user}`}`);
  const reply = (code: number): Buffer => Buffer.from([0, code, 0, 0, 0, 0, 0, 0]);
  if (head[0] !== 4 || head[1] !== 1) return talk.end(reply(91));
  if (talk.options.user !== undefined && talk.options.user !== user) return talk.end(reply(93));
  return talk.pass(host, port, reply(90), reply(91));
}

async function serveSocks5(talk: Conversation): Promise<void> {
  const { user, password } = talk.options;
  const methods = await talk.read((await talk.read(2))[1]!);
  const method = user === undefined ? 0 : 2;
  if (!methods.includes(method)) return talk.end(Buffer.from([5, 0xff]));
  await talk.say(Buffer.from([5, method]));
  let said = '';
  if (method === 2) {
    await talk.read(1);
    const name = String(await talk.read((await talk.read(1))[0]!));
    const secret = String(await talk.read((await talk.read(1))[0]!));
    if (name !== user || secret !== password) return talk.end(Buffer.from([1, 1]));
    await talk.say(Buffer.from([1, 0]));
    said = ` as ${name}`;
  }
  const type = (await talk.read(4))[3];
  const bytes = await talk.read(type === 1 ? 4 : type === 4 ? 16 : (await talk.read(1))[0]!);
  const host = type === 1 ? bytes.join('.') : type === 3 ? String(bytes) : bytes.toString('hex');
  const port = (await talk.read(2)).readUInt16BE();
  talk.asked.push(`${host}:${port}${said}`);
  const reply = (code: number): Buffer => Buffer.from([5, code, 0, 1, 0, 0, 0, 0, 0, 0]);
  return talk.pass(host, port, reply(0), reply(5));
}
