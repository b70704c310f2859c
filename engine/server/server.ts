import { loopsSnapshot, nodeSnapshot, sessionSnapshot, tapSnapshot, withBlock } from '../admin/snapshot.ts';
import type { HubStatus, NodeStatus } from '../admin/status.ts';
import { type Cascade, createCascade } from '../cascade/cascade.ts';
import { COMPRESSION_WARNING } from '../codec/warning.ts';
import { SERVER_SIZES } from '../core.ts';
import type { Channel, Host, HostError, Listener, ListenOptions, Log } from '../host.ts';
import { activeRules } from '../hub/access-table.ts';
import { Hub, hubKey } from '../hub/hub.ts';
import { LocalBridge } from '../hub/local-bridge.ts';
import { redirectAnswer } from '../hub/redirect.ts';
import type { Grant, Peer } from '../login/authority.ts';
import { describeError } from '../login/errors.ts';
import type { LoginRequest } from '../login/login-request.ts';
import { EXTENSION_RETIRE } from '../login/own-extensions.ts';
import { type GuardContext, LoopGuard } from '../loop/guard.ts';
import { Node, SERVER_KEYS } from '../node.ts';
import { CONGESTION_REFUSED } from '../session/congestion.ts';
import { Session, type Tunnel } from '../session/session.ts';
import { warnOfWeakness } from '../tls-legacy/choice.ts';
import { LegacyListener } from '../tls-legacy/listener.ts';
import { type Admission, HubAuthority, sessionPort } from './authority.ts';
import { Doorkeeper } from './doorkeeper.ts';
import { type Accepted, Incoming } from './incoming.ts';
import type { CascadeAnswer, HubOptions, RunningServer, ServerOptions } from './options.ts';
import type { ServerSession } from './server-session.ts';
import { Term } from './term.ts';

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

/**
 * Connections that have not logged in, at a time: some 100 KiB each. When there are too many, the one that has been
 * there longest goes. A login takes two round trips, so a flood of silent strangers pushes itself out, where refusing
 * newcomers would let it shut everybody out for as long as the preamble is patient.
 */
const STRANGERS_MAX = 1024;

class Server implements RunningServer {
  readonly #node: Node;
  readonly #options: ServerOptions;
  readonly #log: Log;
  readonly #hubs = new Map<string, Hub>();
  readonly #sessions = new Set<ServerSession>();
  readonly #terms = new Map<ServerSession, Term>();
  readonly #incoming = new Set<Incoming>();
  /** Those of them that have not logged in, in the order in which they came. */
  readonly #strangers = new Set<Incoming>();
  readonly #listeners: Listener[] = [];
  readonly #authority: HubAuthority;
  readonly #doorkeeper: Doorkeeper;

  constructor(host: Host, options: ServerOptions, log: Log) {
    this.#node = new Node(host, SERVER_SIZES, SERVER_KEYS, log);
    this.#options = options;
    this.#log = log;
    const { sha0 } = this.#node.crypto;
    const { random, clock, certificates } = host;
    this.#doorkeeper = new Doorkeeper({ sha0, random, log });
    this.#authority = new HubAuthority({
      core: this.#node.core,
      sha0,
      random,
      clock,
      certificates,
      doorkeeper: this.#doorkeeper,
      timeoutMs: options.timeoutMs,
      maxConnections: options.maxConnections,
      otherPorts: options.hubs.reduce((sum, hub) => sum + portsOf(hub), 0),
      otherConnections: options.hubs.reduce((sum, hub) => sum + connectionsOf(hub), 0),
      hubs: this.#hubs,
      connections: () => this.#node.plane.connections,
      sessions: this.#sessions,
      refused: (request, peer, code) => this.#logRefusal(request, peer, code),
    });
  }

  async open(): Promise<void> {
    const guards = this.#guardContext();
    for (const hubOptions of this.#options.hubs) {
      const number = this.#node.core.openSwitch(hubOptions.stormLimit);
      const hub = new Hub(number, hubOptions, new LoopGuard(guards, number, hubOptions.name));
      this.#hubs.set(hubKey(hub.name), hub);
      this.#node.core.setAccessList(hub.number, hubOptions.access ?? []);
      this.#redirect(hub, hubOptions);
      for (const tap of hubOptions.taps) {
        const entry = this.#node.openTap(hub.number, tap, (error) => {
          hub.guard.remove(entry.port);
          // Its port may soon be somebody else's.
          const index = hub.taps.findIndex(({ tap: { name } }) => name === tap.name);
          if (index >= 0) hub.taps.splice(index, 1);
          this.#log('error', 'the TAP of a hub went away', { hub: hub.name, tap: tap.name, cause: error.message });
        });
        hub.taps.push(entry);
        hub.guard.add(entry.port, 'tap', tap.name);
      }
    }
    // When all TAPs are there: an interface that is one of them is not bridged.
    for (const { name, bridges = [] } of this.#options.hubs) {
      const hub = this.#hubs.get(hubKey(name))!;
      for (const options of bridges) {
        const bridge = new LocalBridge(this.#node, hub, options);
        bridge.open();
        hub.bridges.push(bridge);
      }
    }
    this.#createCascades();
    if (this.#options.role === 'bridge') return;
    const { certificate, key } = this.#options;
    const tls = this.#chooseTls();
    for (const { host, port } of this.#options.listen) {
      const accept = (channel: Channel) => this.#accept(channel);
      this.#listeners.push(await this.#node.host.network.listen({ host, port, certificate, key, ...tls }, accept));
    }
    // One of them may lead to a listener of this server.
    for (const { name, cascades = [] } of this.#options.hubs) {
      const online = cascades.filter((cascade) => cascade.online).map((cascade) => cascade.name);
      for (const cascade of this.#hubs.get(hubKey(name))!.cascades) {
        if (online.includes(cascade.name)) cascade.setOnline(true);
      }
    }
  }

  /** Answers what rules redirect; the other frames for the engine are its guard's. */
  #redirect(hub: Hub, { access = [] }: HubOptions): void {
    const rules = activeRules(access);
    if (rules.every(({ redirect }) => redirect === undefined)) return;
    const { plane } = this.#node;
    plane.onPunt(hub.number, (punted) => {
      const { port, frame, redirect } = punted;
      if (redirect === undefined) return hub.guard.handlePunted(punted);
      const url = rules[redirect.rule]?.redirect;
      const answer = url === undefined ? undefined : redirectAnswer(frame, redirect.layer4, url);
      if (answer !== undefined) plane.inject(port, answer);
    });
  }

  #createCascades(): void {
    const find = (name: string): Hub | undefined => this.#hubs.get(hubKey(name));
    const { priorityRule } = this.#options;
    for (const { name, cascades = [] } of this.#options.hubs) {
      const hub = find(name)!;
      for (const options of cascades) {
        hub.cascades.push(createCascade({ node: this.#node, hub, find, priorityRule }, options));
      }
    }
    this.#node.onWake((now, addresses) => {
      for (const cascade of this.#cascades()) cascade.handleWake(now, addresses);
    });
  }

  #cascades(): Cascade[] {
    return [...this.#hubs.values()].flatMap(({ cascades }) => cascades);
  }

  #guardContext(): GuardContext {
    const { core, plane, host, log, touch, crypto } = this.#node;
    const hmac = crypto.hmac('sha256', host.random(32));
    return {
      core,
      plane,
      random: host.random,
      log,
      now: () => this.#node.now(),
      touch,
      sign: (bytes) => hmac.digest(bytes),
      same: (a, b) => crypto.same(a, b),
      names: new Map(),
    };
  }

  setCascade(name: string, hubName: string | undefined, online: boolean): CascadeAnswer {
    const wanted = hubName === undefined ? [...this.#hubs.values()] : [this.#hubs.get(hubKey(hubName))];
    if (wanted[0] === undefined)
      return { ok: false, problem: hubName === undefined ? 'there is no hub' : `there is no hub ${hubName}` };
    const found = wanted.flatMap((hub) =>
      hub!.cascades
        .filter((cascade) => hubKey(cascade.name) === hubKey(name))
        .map((cascade) => ({ hub: hub!, cascade })),
    );
    const [first] = found;
    if (first === undefined) {
      return { ok: false, problem: `there is no cascade ${name}${hubName === undefined ? '' : ` in hub ${hubName}`}` };
    }
    if (found.length > 1) {
      return {
        ok: false,
        problem: `cascades named ${name} are in the hubs ${found.map(({ hub }) => hub.name).join(', ')}`,
      };
    }
    const { hub, cascade } = first;
    cascade.setOnline(online);
    return { ok: true, hub: hub.name, cascade: cascade.status() };
  }

  /** Throws a `HostError` when the key is not for the algorithms that are wanted. */
  #chooseTls(): Pick<ListenOptions, 'minimum' | 'tls'> {
    const { tls, certificate, key } = this.#options;
    const { host, crypto } = this.#node;
    const { random, clock, certificates } = host;
    const minimum = tls.modern?.minimum ?? 'TLSv1.2';
    if (tls.legacy === undefined) return { minimum };
    warnOfWeakness(this.#log, tls);
    try {
      const { legacy, modern } = tls;
      const options = { crypto, random, clock, certificates, certificate, key };
      return { minimum, tls: new LegacyListener({ legacy, ...(modern ? { modern } : {}) }, options) };
    } catch (error) {
      const failure: HostError = { doing: 'listen', code: 'TLS_KEY', message: (error as Error).message };
      throw failure;
    }
  }

  get listeners(): readonly string[] {
    return this.#listeners.map(({ local }) =>
      local.address.includes(':') ? `[${local.address}]:${local.port}` : `${local.address}:${local.port}`,
    );
  }

  status(): NodeStatus {
    return {
      ...nodeSnapshot(this.#node, this.#options.role ?? 'server'),
      listeners: this.listeners,
      hubs: [...this.#hubs.values()].map((hub) => this.#hubStatus(hub)),
      logins: this.#doorkeeper.status(this.#node.now()),
    };
  }

  async close(): Promise<void> {
    const closing = this.#listeners.splice(0).map((listener) => listener.close());
    for (const cascade of this.#cascades()) cascade.end('the server is closing');
    for (const member of [...this.#sessions]) member.session.end('the server is closing');
    for (const incoming of [...this.#incoming]) incoming.end();
    for (const { bridges } of this.#hubs.values()) for (const bridge of bridges) bridge.close();
    for (const { guard } of this.#hubs.values()) {
      guard.end();
      this.#node.forget(guard);
    }
    this.#node.close();
    await Promise.all(closing);
  }

  #accept(channel: Channel): Incoming {
    const incoming = new Incoming(
      this.#node,
      channel,
      this.#authority,
      (outcome) => {
        this.#strangers.delete(incoming);
        return this.#enter(channel, outcome);
      },
      () => {
        this.#incoming.delete(incoming);
        this.#strangers.delete(incoming);
      },
      // Those that wait are counted by the doorkeeper, and are not pushed out by those that come meanwhile.
      (waiting) => {
        if (waiting) this.#strangers.delete(incoming);
        else if (this.#incoming.has(incoming)) this.#strangers.add(incoming);
      },
    );
    this.#incoming.add(incoming);
    this.#strangers.add(incoming);
    if (this.#strangers.size > STRANGERS_MAX) this.#turnAway();
    return incoming;
  }

  #turnAway(): void {
    const [oldest] = this.#strangers;
    if (oldest === undefined) return;
    this.#strangers.delete(oldest);
    this.#log('debug', 'too many connections without a login: the oldest one is closed', { limit: STRANGERS_MAX });
    oldest.abort();
  }

  /** A login opens a session, an additional connection joins one. */
  #enter(channel: Channel, outcome: Accepted): Tunnel | undefined {
    const joined = outcome.kind === 'attach' ? outcome.token.member : undefined;
    // While the answer was on its way the session may have ended, or others may have taken the room that was left.
    if (joined?.session.over === true) return undefined;
    const grant = outcome.kind === 'login' ? outcome.grant : undefined;
    if (!this.#authority.hasRoom(joined, grant)) {
      const { address, port } = channel.remote;
      this.#log('warn', 'a login was granted, and then there was no room for it', { peer: `${address}:${port}` });
      return undefined;
    }
    const member = outcome.kind === 'login' ? this.#openSession(channel, outcome) : outcome.token.member;
    const direction = outcome.kind === 'attach' ? outcome.direction : member.halfDuplex ? 2 : 0;
    if (!member.encrypted) channel.leaveTls();
    return member.session.join(channel, direction, outcome.remainder, this.#node.now());
  }

  #openSession(channel: Channel, outcome: Extract<Accepted, { kind: 'login' }>): ServerSession {
    const { core, plane, host } = this.#node;
    const { grant } = outcome;
    const { hub, user } = grant.token;
    const retires = grant.extensions.has(EXTENSION_RETIRE);
    const port = core.openSession(hub.number, {
      ...sessionPort(grant),
      priorityRule: this.#options.priorityRule,
      leaf: grant.policy.NoBridge,
    });
    core.setPolicy(port, grant.policy, this.#node.now(), {
      user,
      group: hub.user(user)?.group,
      monitor: grant.policy.MonitorPort,
      ipv6Outside: isIpv6(channel.remote.address),
    });
    const session = new Session({
      core,
      plane,
      random: host.random,
      port,
      timeoutMs: grant.timeoutMs,
      side: 'server',
      retires,
      qos: grant.qos,
      congestion: this.#options.congestion,
      congestionRefused: (name) => this.#log('warn', CONGESTION_REFUSED, { session: member.name, congestion: name }),
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
      encrypted: grant.useEncrypt,
      compressed: grant.useCompress,
      uniqueId: grant.token.uniqueId,
      since: host.clock.utc(),
    };
    this.#limit(member, grant);
    this.#sessions.add(member);
    hub.sessions.add(member);
    if (!grant.policy.NoBridge) hub.guard.add(session.port, 'session', member.name);
    const { remote, security } = channel;
    this.#log('info', 'session opened', {
      session: member.name,
      hub: hub.name,
      user,
      peer: `${remote.address}:${remote.port}`,
      client: outcome.request.displayName,
      protocol: security?.protocol,
      cipher: grant.useEncrypt ? security?.cipher : 'none',
      compressed: grant.useCompress,
    });
    if (grant.useCompress) {
      this.#log('warn', COMPRESSION_WARNING, { session: member.name });
    }
    return member;
  }

  /** Ends the session when the account ends, or when a client does not keep to policy AutoDisconnect by itself. */
  #limit(member: ServerSession, { policy, token }: Grant<Admission>): void {
    const { host, touch } = this.#node;
    const term = new Term(member.session, host.clock, {
      expires: token.expires,
      autoDisconnect: policy.AutoDisconnect,
    });
    this.#terms.set(member, term);
    touch(term);
  }

  #closeSession(member: ServerSession, cause: string): void {
    const term = this.#terms.get(member);
    if (term !== undefined) this.#node.forget(term);
    this.#terms.delete(member);
    this.#sessions.delete(member);
    member.hub.sessions.delete(member);
    member.hub.guard.remove(member.session.port);
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
      sessions: [...hub.sessions].map((member) =>
        withBlock(sessionSnapshot(this.#node, member.session, member), hub.guard, member.session.port),
      ),
      taps: hub.taps.map((entry) => withBlock(tapSnapshot(this.#node, entry), hub.guard, entry.port)),
      bridges: hub.bridges.map((bridge) => bridge.status()),
      cascades: [...hub.cascades.map((cascade) => cascade.status()), ...[...hub.farEnds.values()].map((end) => end())],
      ...loopsSnapshot(this.#node, hub.guard),
    };
  }
}

/** An IPv4 address on a socket for both (RFC 4291 §2.5.5.2) is none. */
function isIpv6(address: string): boolean {
  return address.includes(':') && !/^::ffff:\d+\.\d+\.\d+\.\d+$/i.test(address);
}

/** Ports of a hub that are no sessions with clients. A link takes two. */
function portsOf({ taps, bridges = [], cascades = [] }: HubOptions): number {
  return taps.length + bridges.length + 2 * cascades.length;
}

/** Connections that the cascades of a hub may have: one of each may be there twice, while it is replaced. */
function connectionsOf({ cascades = [] }: HubOptions): number {
  return cascades.reduce((sum, each) => sum + (each.kind === 'session' ? each.connections + 1 : 0), 0);
}
