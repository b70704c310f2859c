import { nodeSnapshot, sessionSnapshot, tapSnapshot } from '../admin/snapshot.ts';
import type { HubStatus, NodeStatus } from '../admin/status.ts';
import { SERVER_SIZES } from '../core.ts';
import type { Channel, Host, Listener, Log } from '../host.ts';
import { Hub, hubKey } from '../hub/hub.ts';
import type { Peer } from '../login/authority.ts';
import { describeError } from '../login/errors.ts';
import type { LoginRequest } from '../login/login-request.ts';
import { Node } from '../node.ts';
import { Session, type Tunnel } from '../session/session.ts';
import { HubAuthority } from './authority.ts';
import { type Accepted, Incoming } from './incoming.ts';
import type { RunningServer, ServerOptions } from './options.ts';
import type { ServerSession } from './server-session.ts';

/**
 * Opens the hubs with their TAPs, then listens. Rejects with a `HostError` when a TAP or a port cannot be had; nothing
 * is left behind then.
 */
export async function startServer(host: Host, options: ServerOptions, log: Log): Promise<RunningServer> {
  const server = new Server(host, options, log);
  try {
    await server.open();
  } catch (error) {
    await server.close();
    throw error;
  }
  return server;
}

class Server implements RunningServer {
  readonly #node: Node;
  readonly #options: ServerOptions;
  readonly #log: Log;
  readonly #hubs = new Map<string, Hub>();
  readonly #sessions = new Set<ServerSession>();
  readonly #incoming = new Set<Incoming>();
  readonly #listeners: Listener[] = [];
  readonly #authority: HubAuthority;

  constructor(host: Host, options: ServerOptions, log: Log) {
    this.#node = new Node(host, SERVER_SIZES, log);
    this.#options = options;
    this.#log = log;
    this.#authority = new HubAuthority({
      core: this.#node.core,
      random: host.random,
      timeoutMs: options.timeoutMs,
      maxConnections: options.maxConnections,
      hubs: this.#hubs,
      connections: () => this.#node.plane.connections,
      sessions: this.#sessions,
      refused: (request, peer, code) => this.#logRefusal(request, peer, code),
    });
  }

  async open(): Promise<void> {
    for (const hubOptions of this.#options.hubs) {
      const hub = new Hub(this.#node.core.openSwitch(hubOptions.stormLimit), hubOptions);
      this.#hubs.set(hubKey(hub.name), hub);
      for (const tap of hubOptions.taps) {
        hub.taps.push(
          this.#node.openTap(hub.number, tap, (error) =>
            this.#log('error', 'the TAP of a hub went away', { hub: hub.name, tap: tap.name, cause: error.message }),
          ),
        );
      }
    }
    const { certificate, key } = this.#options;
    for (const { host, port } of this.#options.listen) {
      const accept = (channel: Channel) => this.#accept(channel);
      this.#listeners.push(await this.#node.host.network.listen({ host, port, certificate, key }, accept));
    }
  }

  get listeners(): readonly string[] {
    return this.#listeners.map(({ local }) =>
      local.address.includes(':') ? `[${local.address}]:${local.port}` : `${local.address}:${local.port}`,
    );
  }

  status(): NodeStatus {
    return {
      ...nodeSnapshot(this.#node, 'server'),
      listeners: this.listeners,
      hubs: [...this.#hubs.values()].map((hub) => this.#hubStatus(hub)),
    };
  }

  async close(): Promise<void> {
    const closing = this.#listeners.splice(0).map((listener) => listener.close());
    for (const member of [...this.#sessions]) member.session.end('the server is closing');
    for (const incoming of [...this.#incoming]) incoming.end();
    this.#node.close();
    await Promise.all(closing);
  }

  #accept(channel: Channel): Incoming {
    const incoming = new Incoming(
      this.#node,
      channel,
      this.#authority,
      (outcome) => this.#enter(channel, outcome),
      (gone) => this.#incoming.delete(gone),
    );
    this.#incoming.add(incoming);
    return incoming;
  }

  /** A login opens a session, an additional connection joins one. */
  #enter(channel: Channel, outcome: Accepted): Tunnel | undefined {
    const member = outcome.kind === 'login' ? this.#openSession(channel, outcome) : outcome.token.member;
    // The session may have ended while the answer was on its way.
    if (member.session.over) return undefined;
    const direction = outcome.kind === 'attach' ? outcome.direction : member.halfDuplex ? 2 : 0;
    return member.session.join(channel, direction, outcome.remainder, this.#node.now());
  }

  #openSession(channel: Channel, outcome: Extract<Accepted, { kind: 'login' }>): ServerSession {
    const { core, plane, host } = this.#node;
    const { grant } = outcome;
    const { hub, user, stationsMax } = grant.token;
    const session = new Session({
      core,
      plane,
      random: host.random,
      port: core.openSession(hub.number, { qos: grant.qos, stationsMax }),
      timeoutMs: grant.timeoutMs,
      side: 'server',
      touch: this.#node.touch,
      connectionLost: (cause) => this.#log('debug', 'connection lost', { session: member.name, cause }),
      ended: (cause) => this.#closeSession(member, cause),
    });
    const member: ServerSession = {
      session,
      hub,
      name: grant.sessionName,
      user,
      key: grant.sessionKey,
      maxConnections: grant.maxConnection,
      halfDuplex: grant.halfConnection,
      since: host.clock.utc(),
    };
    this.#sessions.add(member);
    hub.sessions.add(member);
    const { remote, security } = channel;
    this.#log('info', 'session opened', {
      session: member.name,
      hub: hub.name,
      user,
      peer: `${remote.address}:${remote.port}`,
      client: outcome.request.displayName,
      protocol: security?.protocol,
      cipher: security?.cipher,
    });
    return member;
  }

  #closeSession(member: ServerSession, cause: string): void {
    this.#sessions.delete(member);
    member.hub.sessions.delete(member);
    const counters = this.#node.core.portCounters(member.session.port);
    this.#node.core.closePort(member.session.port);
    this.#node.forget(member.session);
    this.#log('info', 'session closed', {
      session: member.name,
      hub: member.hub.name,
      cause,
      receivedFrames: counters.receivedFrames,
      sentFrames: counters.sentFrames,
    });
  }

  #logRefusal(request: LoginRequest, peer: Peer, code: number): void {
    this.#log('warn', 'login refused', {
      hub: request.hubName,
      user: request.userName,
      peer: `${peer.remote.address}:${peer.remote.port}`,
      code,
      cause: describeError(code).message,
    });
  }

  #hubStatus(hub: Hub): HubStatus {
    return {
      name: hub.name,
      fdb: this.#node.core.fdbSize(hub.number),
      sessions: [...hub.sessions].map((member) => sessionSnapshot(this.#node, member.session, member)),
      taps: hub.taps.map((entry) => tapSnapshot(this.#node, entry)),
    };
  }
}
