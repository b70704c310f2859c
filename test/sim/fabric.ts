/** Servers with hubs, and whatever joins them: links, cascades and wires between their TAPs. */
import { expect } from 'vitest';
import type { CascadeOptions } from '../../engine/cascade/options.ts';
import { DEFAULT_POLICY } from '../../engine/login/policy.ts';
import type { RunningServer } from '../../engine/server/options.ts';
import { startServer } from '../../engine/server/server.ts';
import { MODERN_TLS } from '../../engine/tls-legacy/choice.ts';
import { BROADCAST, frame, mac } from './frames.ts';
import { SimHost, SimNetwork, type SimTap } from './host.ts';
import { World } from './world.ts';

/** A hub by the number of its server and its own. */
export interface Place {
  readonly server: number;
  readonly hub: number;
}

/** Between hubs of one server a link, or by way of its listener a cascade; between servers a cascade. */
export interface Edge {
  readonly name: string;
  readonly from: Place;
  readonly to: Place;
  readonly tcp: boolean;
}

export function hubName({ server, hub }: Place): string {
  return `h${server}${hub}`;
}

/** What a remote cascade has when nobody says anything else. */
export const CASCADE_DEFAULTS = {
  kind: 'session',
  credential: { kind: 'anonymous' },
  trust: async () => undefined,
  tls: MODERN_TLS,
  priorityRule: 'packetix',
  congestion: 'auto',
  connections: 1,
  connectionIntervalMs: 1_000,
  connectionLifetimeMs: Number.POSITIVE_INFINITY,
  halfDuplex: false,
  encrypt: true,
  compress: false,
  policy: DEFAULT_POLICY,
} as const satisfies Partial<CascadeOptions>;

/** Every hub has a TAP by which a station is there, and as many as wanted that wires can be put on. */
export class Fabric {
  readonly world: World;
  readonly net = new SimNetwork();
  readonly hosts: SimHost[] = [];
  readonly servers: RunningServer[] = [];
  readonly edges: readonly Edge[];
  readonly #hubs: readonly number[];

  constructor(seed: number, hubs: readonly number[], edges: readonly Edge[]) {
    this.world = new World(seed);
    this.#hubs = hubs;
    this.edges = edges;
  }

  /** @param online Names of the edges that are there from the start. */
  async start(online: ReadonlySet<string>, wires = 0): Promise<void> {
    for (const [server, count] of this.#hubs.entries()) {
      const host = new SimHost(this.world, this.net, `10.0.0.${server + 1}`);
      this.hosts.push(host);
      const hubs = Array.from({ length: count }, (_, hub) => ({
        name: hubName({ server, hub }),
        stormLimit: 0,
        users: this.edges.map(({ name }) => ({ name })),
        taps: Array.from({ length: 1 + wires }, (_, i) => ({ name: `t${server}${hub}${i}`, addresses: [] })),
        cascades: this.edges
          .filter(({ from }) => from.server === server && from.hub === hub)
          .map((edge) => this.#cascade(edge, online.has(edge.name))),
      }));
      this.servers.push(
        await startServer(
          host,
          {
            listen: [{ host: '0.0.0.0', port: 443 }],
            certificate: '',
            key: '',
            timeoutMs: 20_000,
            maxConnections: 32,
            priorityRule: 'packetix',
            congestion: 'auto',
            tls: MODERN_TLS,
            hubs,
          },
          host.log,
        ),
      );
    }
  }

  #cascade({ name, to, tcp }: Edge, online: boolean): CascadeOptions {
    const hub = hubName(to);
    if (!tcp) return { kind: 'link', name, hub, online };
    return { ...CASCADE_DEFAULTS, name, online, host: `10.0.0.${to.server + 1}`, port: 443, hub, user: name };
  }

  get places(): Place[] {
    return this.#hubs.flatMap((count, server) => Array.from({ length: count }, (_, hub) => ({ server, hub })));
  }

  set(name: string, online: boolean): void {
    const edge = this.edges.find((each) => each.name === name)!;
    const answer = this.servers[edge.from.server]!.setCascade(name, hubName(edge.from), online);
    if (!answer.ok) throw new Error(answer.problem);
  }

  tap({ server, hub }: Place, index = 0): SimTap {
    return this.hosts[server]!.opened.find(({ name }) => name === `t${server}${hub}${index}`)!;
  }

  /** Joins TAPs as a switch without any sense for loops would. Returns how many frames passed, and what cuts it. */
  wire(...taps: readonly SimTap[]): { frames: number; cut: boolean } {
    const state = { frames: 0, cut: false };
    for (const tap of taps) {
      tap.delivered = (sent) => {
        if (state.cut) return;
        state.frames++;
        this.world.after(1, () => {
          for (const other of taps) if (other !== tap && !state.cut) other.arrive(sent);
        });
      };
    }
    return state;
  }

  /** Blocked ports, as `hub/port`. */
  blocked(): string[] {
    return this.servers.flatMap((server) =>
      server.status().hubs.flatMap((hub) => (hub.loops ?? []).map(({ blocked }) => `${hub.name}/${blocked}`)),
    );
  }

  /** Hubs that `online` edges and wires join, as sets of names. */
  parts(online: ReadonlySet<string>, wired: readonly (readonly Place[])[] = []): Map<string, number> {
    const part = new Map(this.places.map((place, i) => [hubName(place), i]));
    const unite = (a: string, b: string): void => {
      const [from, to] = [part.get(a)!, part.get(b)!];
      for (const [name, number] of part) if (number === from) part.set(name, to);
    };
    for (const { name, from, to } of this.edges) if (online.has(name)) unite(hubName(from), hubName(to));
    for (const places of wired) for (const place of places) unite(hubName(places[0]!), hubName(place));
    return part;
  }

  /** A broadcast of each hub's station reaches every station that there is a way to exactly once, and nobody else. */
  async expectTree(online: ReadonlySet<string>, wired: readonly (readonly Place[])[] = []): Promise<void> {
    const parts = this.parts(online, wired);
    for (const [i, from] of this.places.entries()) {
      for (const place of this.places) this.tap(place).frames.length = 0;
      this.tap(from).arrive(frame(BROADCAST, mac(100 + i), 60));
      await this.world.run(200);
      for (const to of this.places) {
        const joined = parts.get(hubName(from)) === parts.get(hubName(to)) && to !== from;
        const got = this.tap(to).frames.length;
        const what = `seed ${this.world.seed}: from ${hubName(from)} to ${hubName(to)}, blocked ${this.blocked().join(' ')}`;
        expect(got, what).toBe(joined && (to.server !== from.server || to.hub !== from.hub) ? 1 : 0);
      }
    }
  }

  async close(): Promise<void> {
    for (const server of this.servers) await server.close();
  }
}
