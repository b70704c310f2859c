import { startClient } from '../../engine/client/client.ts';
import type { ClientEnd, ClientEvent, ClientOptions, RunningClient } from '../../engine/client/options.ts';
import { hashedPassword } from '../../engine/login/password.ts';
import type { RunningServer, ServerOptions } from '../../engine/server/options.ts';
import { startServer } from '../../engine/server/server.ts';
import { MODERN_TLS } from '../../engine/tls-legacy/choice.ts';
import { sha0 } from '../support/sha0.ts';
import { SimHost, SimNetwork, type SimTap } from './host.ts';
import { World } from './world.ts';

export const text = (value: string): Uint8Array => new TextEncoder().encode(value);

export interface SimClient {
  readonly host: SimHost;
  readonly client: RunningClient;
  readonly events: ClientEvent[];
  /** How it ended, once it has. */
  end: ClientEnd | undefined;
  tap(): SimTap;
}

/** A server with the hub `lab` (alice with a password, guest without) in a world, and clients as wanted. */
export class SimLab {
  readonly world: World;
  readonly net = new SimNetwork();
  readonly serverHost: SimHost;
  server!: RunningServer;
  #clients = 0;

  constructor(seed = 1) {
    this.world = new World(seed);
    this.serverHost = new SimHost(this.world, this.net, '10.0.0.1');
  }

  async serve(options: Partial<ServerOptions> = {}): Promise<void> {
    this.server = await startServer(
      this.serverHost,
      {
        listen: [{ host: '0.0.0.0', port: 443 }],
        certificate: '',
        key: '',
        timeoutMs: 20_000,
        maxConnections: 32,
        priorityRule: 'packetix',
        congestion: 'auto',
        tls: MODERN_TLS,
        hubs: [
          {
            name: 'lab',
            stormLimit: 32,
            users: [{ name: 'alice', passwordHash: hashedPassword(sha0, text('secret'), 'alice') }, { name: 'guest' }],
            taps: [{ name: 'elsrv0', addresses: [] }],
          },
        ],
        ...options,
      },
      this.serverHost.log,
    );
  }

  get serverTap(): SimTap {
    return this.serverHost.opened[0]!;
  }

  connect(options: Partial<ClientOptions> = {}): SimClient {
    this.#clients++;
    const host = new SimHost(this.world, this.net, `10.0.0.${this.#clients + 10}`);
    const events: ClientEvent[] = [];
    const client = startClient(
      host,
      {
        host: '10.0.0.1',
        port: 443,
        hub: 'lab',
        user: 'guest',
        credential: { kind: 'anonymous' },
        tap: { name: 'el0', addresses: [] },
        trust: async () => undefined,
        bridge: false,
        qos: false,
        priorityRule: 'packetix',
        congestion: 'auto',
        tls: MODERN_TLS,
        connections: 1,
        connectionIntervalMs: 1_000,
        connectionLifetimeMs: Number.POSITIVE_INFINITY,
        halfDuplex: false,
        encrypt: true,
        compress: false,
        reconnectMs: 15_000,
        reconnectAttempts: Number.POSITIVE_INFINITY,
        stubborn: false,
        ...options,
      },
      host.log,
      (event) => events.push(event),
    );
    const made: SimClient = { host, client, events, end: undefined, tap: () => host.opened[0]! };
    client.ended.then((end) => {
      made.end = end;
    });
    return made;
  }

  /** A client whose session is up. */
  async connected(options: Partial<ClientOptions> = {}): Promise<SimClient> {
    const made = this.connect(options);
    await this.world.until(() => made.end !== undefined || made.events.some((event) => event.kind === 'established'));
    if (made.end !== undefined) throw new Error(`seed ${this.world.seed}: ${made.end.kind}: ${made.end.message}`);
    return made;
  }
}
