/** Our side of the connections to TLS peers of others, with the real host of the runtime. */
import { afterAll, expect } from 'vitest';
import { Crypto } from '../../engine/crypto/module.ts';
import type { Channel, HostError, Listener, TlsEndpoint } from '../../engine/host.ts';
import { chooseTls, type TlsAlgorithm, type TlsChoice } from '../../engine/tls-legacy/choice.ts';
import { LegacyTlsClient } from '../../engine/tls-legacy/client.ts';
import type { LegacyTls } from '../../engine/tls-legacy/connection.ts';
import { LegacyDialer } from '../../engine/tls-legacy/dialer.ts';
import { LegacyListener } from '../../engine/tls-legacy/listener.ts';
import { SessionCache } from '../../engine/tls-legacy/sessions.ts';
import { SSL3 } from '../../engine/tls-legacy/suites.ts';
import { TlsWorkshop } from '../../lab/tls/workshop.ts';
import { Peer, until } from '../hosts/peers.ts';
import { loadHost } from '../support/runtime.ts';
import { CERTIFICATE_PEM, KEY_PEM } from '../unit/tls/identity.ts';
import type { Content } from './content.ts';

export const IDENTITY = { certificate: CERTIFICATE_PEM, key: KEY_PEM };

/** Nothing takes as long unless it is broken, however busy the machine is. */
export const PATIENCE_MS = 600_000;

const host = await loadHost();
const { network, random, clock, certificates } = host;
const crypto = new Crypto(host.cryptoBinary, { slots: 256, random });
const FREE = crypto.slotsFree;

/** What one side of a connection sends, and what it is to receive. */
export interface Traffic {
  readonly send: Content;
  readonly sendBytes: number;
  readonly receive: Content;
  readonly receiveBytes: number;
  /** Nothing is sent before it resolves, on a connection that is open. */
  readonly after?: (flow: Flow) => Promise<void>;
}

/** A connection of ours: sends its part of the traffic as soon as it is open, and checks the other's. */
export class Flow extends Peer {
  /** Of this program's own TLS only. */
  tls: LegacyTls | undefined;
  /** The first byte that came from the peer; of this program's own TLS, as a server, only. */
  firstByte: number | undefined;
  /** Resolves when all was sent and all has come; rejects when it ends before, or something else comes. */
  readonly done: Promise<void>;
  /** Resolves with the first bytes. */
  readonly whenHeard: Promise<void>;
  readonly #traffic: Traffic;
  #sent = 0;
  #started = false;
  #heard!: () => void;
  #resolve!: () => void;
  #reject!: (error: Error) => void;

  constructor(traffic: Traffic) {
    super();
    this.#traffic = traffic;
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Whoever waits for it later still gets it.
    this.done.catch(() => undefined);
    this.whenHeard = new Promise((resolve) => {
      this.#heard = resolve;
    });
    this.onData = (bytes) => this.#check(bytes);
    this.onWritable = () => this.#pump();
  }

  override opened(): void {
    super.opened();
    void (this.#traffic.after?.(this) ?? Promise.resolve()).then(() => {
      this.#started = true;
      this.#pump();
    });
  }

  override closed(error: HostError | undefined): void {
    const { sendBytes, receiveBytes } = this.#traffic;
    const state = `${this.#sent} of ${sendBytes} bytes were sent, ${this.received} of ${receiveBytes} have come`;
    this.#reject(new Error(`the connection is over (${error?.message ?? 'in order'}): ${state}`));
    super.closed(error);
  }

  #pump(): void {
    const { send, sendBytes } = this.#traffic;
    while (this.#started && this.#sent < sendBytes) {
      const offered = send.at(this.#sent, sendBytes - this.#sent);
      const taken = this.channel.write(offered);
      this.#sent += taken;
      if (taken < offered.length) return;
    }
    this.#finish();
  }

  #check(bytes: Uint8Array): void {
    const { receive, receiveBytes } = this.#traffic;
    this.#heard();
    const difference = receive.firstDifference(this.received - bytes.length, bytes);
    if (difference !== undefined) this.#reject(new Error(`the byte at ${difference} is wrong`));
    else if (this.received > receiveBytes) this.#reject(new Error(`more than ${receiveBytes} bytes have come`));
    else this.#finish();
  }

  #finish(): void {
    const { sendBytes, receiveBytes } = this.#traffic;
    if (this.#sent === sendBytes && this.received === receiveBytes) this.#resolve();
  }
}

function choice(role: 'server' | 'client', algorithms: readonly TlsAlgorithm[]): TlsChoice {
  const legacy = algorithms.some((name) => name !== 'modern');
  const chosen = chooseTls({ algorithms, ...(legacy ? { minimum: 'SSLv3' } : {}) }, role);
  if (!chosen.ok) throw new Error(chosen.problem);
  return chosen.choice;
}

/** Makes the TLS of further connections, with one memory for the sessions of all of them. */
export type Dialer = (host: string, port: number) => TlsEndpoint;

export function dialerOf(algorithms: readonly TlsAlgorithm[]): Dialer {
  const dialer = new LegacyDialer(choice('client', algorithms).legacy!, { crypto, random, clock, certificates });
  return (name, port) => dialer.open(name, port);
}

/** As of a program that knows nothing newer than SSL 3.0; nothing of ours is configured like that. */
export function dialerOfSsl3(algorithms: readonly TlsAlgorithm[]): Dialer {
  const { suites } = choice('client', algorithms).legacy!;
  const sessions = new SessionCache();
  return (name, port) =>
    new LegacyTlsClient({
      ...{ crypto, random, now: clock.now(), certificates, suites, minimum: SSL3, maximum: SSL3 },
      ...{ host: name, sessions, place: `${name} ${port}` },
    });
}

/** Does something with connections and ports that are all closed afterwards. */
export async function withOurs<T>(work: (ours: Ours) => Promise<T>): Promise<T> {
  const ours = new Ours();
  try {
    return await work(ours);
  } finally {
    await ours.close();
  }
}

/** The connections and ports of one test. */
export class Ours {
  readonly #channels: Channel[] = [];
  readonly #listeners: Listener[] = [];

  /** Opens a port; the connections appear in `flows` once their handshake is over. */
  async serve(algorithms: readonly TlsAlgorithm[], traffic: Traffic): Promise<{ port: number; flows: Flow[] }> {
    const { legacy, modern } = choice('server', algorithms);
    const options = { crypto, random, clock, certificates, ...IDENTITY };
    const selector = new LegacyListener({ legacy: legacy!, ...(modern ? { modern } : {}) }, options);
    const endpoints: { readonly tls: TlsEndpoint; firstByte?: number }[] = [];
    const tls = {
      only: selector.only,
      choose: (first: Uint8Array) => selector.choose(first),
      open: () => {
        const endpoint: (typeof endpoints)[number] = { tls: selector.open() };
        endpoints.push(endpoint);
        const receive = endpoint.tls.receive.bind(endpoint.tls);
        endpoint.tls.receive = (bytes, deliver) => {
          endpoint.firstByte = bytes[0]!;
          endpoint.tls.receive = receive;
          receive(bytes, deliver);
        };
        return endpoint.tls;
      },
    };
    const flows: Flow[] = [];
    const listener = await network.listen({ host: '127.0.0.1', port: 0, ...IDENTITY, tls }, (channel) => {
      const flow = new Flow(traffic);
      flow.channel = channel;
      // The one whose handshake is over and that nobody has taken; none when it is the runtime's TLS.
      const own = endpoints.findIndex((endpoint) => endpoint.tls.security !== undefined);
      const [endpoint] = endpoints.splice(own, own < 0 ? 0 : 1);
      flow.tls = endpoint?.tls as LegacyTls | undefined;
      flow.firstByte = endpoint?.firstByte;
      flows.push(flow);
      this.#channels.push(channel);
      return flow;
    });
    this.#listeners.push(listener);
    return { port: listener.local.port, flows };
  }

  /** @param dialer Whose sessions it may resume; the runtime's TLS when absent. */
  call(port: number, traffic: Traffic, dialer?: Dialer): Flow {
    const flow = new Flow(traffic);
    const tls = (): TlsEndpoint => {
      const endpoint = dialer!('127.0.0.1', port);
      flow.tls = endpoint as LegacyTls;
      return endpoint;
    };
    const options = { host: '127.0.0.1', port, timeoutMs: PATIENCE_MS, ...(dialer === undefined ? {} : { tls }) };
    flow.channel = network.connect(options, flow);
    this.#channels.push(flow.channel);
    return flow;
  }

  async close(): Promise<void> {
    for (const channel of this.#channels) channel.abort();
    for (const listener of this.#listeners) await listener.close();
  }
}

/** All went over this connection, and it ended in order: with a close_notify from both sides. */
export async function expectOrderly(flow: Flow): Promise<void> {
  await flow.done;
  expect(await flow.whenClosed).toBeUndefined();
  expect(flow.tls?.failure).toBeUndefined();
  if (flow.tls !== undefined) expect(flow.tls.peerClosed).toBe(true);
}

/** Ends a connection of ours when all went over it. */
export async function closeInOrder(flow: Flow): Promise<void> {
  await flow.done;
  flow.channel.close();
  await expectOrderly(flow);
}

/** Waits until no key of any connection is left. */
export async function expectKeysForgotten(): Promise<void> {
  await until('all keys are forgotten', () => crypto.slotsFree === FREE);
}

/** Where the peers of a file of tests live; closed behind the last of them. */
export function openWorkshop(): TlsWorkshop {
  const workshop = new TlsWorkshop(IDENTITY);
  afterAll(async () => {
    await workshop.close();
    await expectKeysForgotten();
  });
  return workshop;
}
