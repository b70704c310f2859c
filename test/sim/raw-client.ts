import type { ChannelHandler } from '../../engine/host.ts';
import type { ClientLogin } from '../../engine/login/client-login.ts';
import { type ClientOutcome, ClientPreamble } from '../../engine/login/client-preamble.ts';
import type { SessionWishes } from '../../engine/login/login-request.ts';
import { PRODUCT } from '../../engine/product.ts';
import { sha0 } from '../support/sha0.ts';
import { SimChannel } from './channel.ts';
import type { SimLab } from './lab.ts';

export const WISHES: SessionWishes = {
  maxConnection: 1,
  useEncrypt: true,
  useCompress: false,
  halfConnection: false,
  qos: false,
  bridgeMode: false,
  monitorMode: false,
};

/**
 * A client made of a preamble and a bare channel: it says what the test wants, also what no client of ours would say,
 * and keeps every byte that it is sent.
 */
export class RawClient implements ChannelHandler {
  readonly lab: SimLab;
  readonly channel: SimChannel;
  readonly received: number[] = [];
  gone = false;
  outcome: ClientOutcome | undefined;
  #preamble: ClientPreamble | undefined;

  private constructor(lab: SimLab, address: string) {
    this.lab = lab;
    const { world, net } = lab;
    const [client, server] = SimChannel.pair(
      world,
      net.link,
      { address, port: 50_000 },
      { address: '10.0.0.1', port: 443 },
    );
    this.channel = client;
    client.handler = this;
    server.handler = net.listeners.get('10.0.0.1:443')!(server);
    server.open();
    client.open();
  }

  /** A connection with nothing said on it yet. */
  static dial(lab: SimLab, address = '10.0.0.99'): RawClient {
    return new RawClient(lab, address);
  }

  /** A connection that has logged in as guest. */
  static async login(lab: SimLab, wishes: Partial<SessionWishes> = {}): Promise<RawClient> {
    return RawClient.loginAs(lab, { wishes: { ...WISHES, ...wishes } });
  }

  /** A connection that has had the answer to a login, of guest unless told otherwise. */
  static async loginAs(lab: SimLab, login: Partial<ClientLogin>, address?: string): Promise<RawClient> {
    const client = RawClient.startLogin(lab, login, address);
    await lab.world.until(() => client.outcome !== undefined);
    return client;
  }

  /** The same, without waiting for the answer. */
  static startLogin(lab: SimLab, login: Partial<ClientLogin>, address?: string): RawClient {
    const client = RawClient.dial(lab, address);
    client.#start({
      kind: 'login',
      hubName: 'lab',
      userName: 'guest',
      credential: { kind: 'anonymous' },
      wishes: WISHES,
      cascade: false,
      uniqueId: new Uint8Array(20),
      extensions: new Map(),
      ...login,
    });
    return client;
  }

  /** A further connection of the session. */
  static async attach(lab: SimLab, sessionKey: Uint8Array): Promise<RawClient> {
    const client = RawClient.dial(lab);
    await client.#enter({ kind: 'attach', sessionKey });
    return client;
  }

  get sessionKey(): Uint8Array {
    if (this.outcome?.kind !== 'welcome') throw new Error(`expected a welcome, got ${this.outcome?.kind}`);
    return this.outcome.welcome.sessionKey;
  }

  send(bytes: Uint8Array | string): void {
    this.channel.write(typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes);
  }

  opened(): void {}

  data(bytes: Uint8Array): void {
    if (this.#preamble === undefined) {
      this.received.push(...bytes);
      return;
    }
    this.#preamble.handleBytes(bytes, this.lab.world.now);
    this.#pump();
  }

  writable(): void {}

  closed(): void {
    this.gone = true;
  }

  #pump(): void {
    const preamble = this.#preamble!;
    for (let out = preamble.pollOutput(); out !== undefined; out = preamble.pollOutput()) this.channel.write(out);
    this.outcome = preamble.outcome;
    if (this.outcome === undefined) return;
    if ('remainder' in this.outcome) this.received.push(...this.outcome.remainder);
    this.#preamble = undefined;
  }

  async #enter(purpose: ConstructorParameters<typeof ClientPreamble>[0]['purpose']): Promise<void> {
    this.#start(purpose);
    await this.lab.world.until(() => this.outcome !== undefined);
  }

  #start(purpose: ConstructorParameters<typeof ClientPreamble>[0]['purpose']): void {
    const { world } = this.lab;
    this.#preamble = new ClientPreamble(
      {
        random: (count) => world.bytes(count),
        sha0,
        utc: () => world.now,
        product: PRODUCT,
        remote: this.channel.remote,
        local: this.channel.local,
        purpose,
      },
      world.now,
    );
    this.#pump();
  }
}
