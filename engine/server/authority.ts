import type { Core, PortOptions } from '../core.ts';
import type { Certificates, Clock, Random } from '../host.ts';
import { type Hub, type HubUser, hubKey, userKey } from '../hub/hub.ts';
import type { AdditionalRequest, Direction } from '../login/additional.ts';
import { authenticate } from '../login/authenticate.ts';
import type { Authority, Grant, Peer, Refusal, Wait } from '../login/authority.ts';
import { grantedConnections } from '../login/connections.ts';
import { refusalOf, sessionPolicy, userPolicy } from '../login/effective-policy.ts';
import {
  ERROR_AUTH_FAILED,
  ERROR_CANNOT_ACCEPT,
  ERROR_HUB_BUSY,
  ERROR_HUB_NOT_FOUND,
  ERROR_NONE,
  ERROR_NOT_ENOUGH_RIGHTS,
  ERROR_TOO_MANY_CONNECTIONS,
  ERROR_TOO_MANY_USER_SESSIONS,
  ERROR_UNKNOWN_SESSION,
} from '../login/errors.ts';
import type { LoginRequest } from '../login/login-request.ts';
import { agreedExtensions, portAbilities } from '../login/own-extensions.ts';
import type { Sha0 } from '../login/password.ts';
import { equalBytes } from '../login/password.ts';
import type { Policy } from '../login/policy.ts';
import { sessionKeys } from '../login/welcome.ts';
import type { Attempt, Doorkeeper } from './doorkeeper.ts';
import { nextDirection, type ServerSession } from './server-session.ts';
import { isLocal, sourceOf } from './source.ts';

/** What a login that was granted is about to become. */
export interface Admission {
  readonly hub: Hub;
  readonly user: string;
  /** What the client says of its installation: 16 bytes, all 0 when it does not. */
  readonly uniqueId: Uint8Array;
  /** Milliseconds since 1970 UTC at which the account ends; Infinity: never. */
  readonly expires: number;
}

/** What a further connection that was granted joins. */
export interface Attachment {
  readonly member: ServerSession;
}

/** Ports of the core, for sessions and TAPs together. */
const PORTS_MAX = 2048;
/** Sessions of one server: what the core has ports for, with some left for TAPs. */
const SESSIONS_MAX = 1920;
/** Connections at which no session gets a further one: the core has 4,096, and every session needs its first. */
const CONNECTIONS_MAX = 4096 - SESSIONS_MAX;
/** The port of a session that was granted. */
export function sessionPort({ extensions, maxConnection, qos, useCompress }: Grant<Admission>): PortOptions {
  return { qos, ...portAbilities(extensions, useCompress, maxConnection) };
}

export interface AuthorityOptions {
  readonly core: Core;
  readonly sha0: Sha0;
  readonly random: Random;
  readonly clock: Clock;
  readonly certificates: Certificates;
  readonly doorkeeper: Doorkeeper;
  /** Ports that are no sessions with clients: TAPs and cascades of all hubs. */
  readonly otherPorts: number;
  /** Connections that the cascades of all hubs may have: the core has to have room for them whenever they come up. */
  readonly otherConnections: number;
  readonly timeoutMs: number;
  /** 1 to 32. */
  readonly maxConnections: number;
  readonly hubs: ReadonlyMap<string, Hub>;
  readonly sessions: ReadonlySet<ServerSession>;
  /** Connections of all sessions. */
  readonly connections: () => number;
  /** A login that was refused, for the log. */
  readonly refused: (request: LoginRequest, peer: Peer, code: number) => void;
}

/** Decides who may enter which hub, and with what: the server's side of `engine/login/authority.ts`. */
export class HubAuthority implements Authority<Admission, Attachment> {
  readonly #options: AuthorityOptions;
  #connections = 0;

  constructor(options: AuthorityOptions) {
    this.#options = options;
  }

  hold(request: LoginRequest, { remote }: Peer, now: number): Wait | Refusal | undefined {
    const hub = this.#options.hubs.get(hubKey(request.hubName));
    // There is nothing to guess where everybody may enter, and nothing where there is no hub.
    if (hub === undefined || hub.user(request.userName)?.record.kind === 'anonymous') return undefined;
    const wait = this.#options.doorkeeper.hold(attemptOf(request, hub, remote.address), now);
    return wait === 'full' ? { ok: false, code: ERROR_CANNOT_ACCEPT } : wait;
  }

  login(request: LoginRequest, challenge: Uint8Array, peer: Peer): { ok: true; grant: Grant<Admission> } | Refusal {
    const decision = this.#decide(request, challenge, peer);
    if (!decision.ok) this.#options.refused(request, peer, decision.code);
    return decision;
  }

  /** The order of `protocol/control-plane.md` §7. */
  #decide(request: LoginRequest, challenge: Uint8Array, peer: Peer): { ok: true; grant: Grant<Admission> } | Refusal {
    const { sha0, hubs, clock, certificates } = this.#options;
    const hub = hubs.get(hubKey(request.hubName));
    if (hub === undefined) return { ok: false, code: ERROR_HUB_NOT_FOUND };
    const user = hub.user(request.userName);
    const utc = clock.utc();
    const judge = { certificates, cas: hub.cas, utc };
    const proof = authenticate(sha0, user?.record, request, challenge, judge);
    this.#tellDoorkeeper(user, attemptOf(request, hub, peer.remote.address), proof);
    // Without a user it is a refusal already.
    if (proof !== ERROR_NONE || user === undefined) return { ok: false, code: proof };
    const policy = userPolicy(user.policy, this.#options);
    const refuse = (code: number): Refusal => ({ ok: false, code, noSavePassword: policy.NoSavePassword });
    const refusal = refusalOf(policy, request, user.disabled || user.expires <= utc);
    if (refusal !== ERROR_NONE) return refuse(refusal);
    const uniqueId = request.nodeInfo?.uniqueId ?? NO_ID;
    if (!hasLoginsLeft(hub, userKey(request.userName), uniqueId, policy)) return refuse(ERROR_TOO_MANY_USER_SESSIONS);
    if (!this.hasRoom(undefined)) return refuse(ERROR_HUB_BUSY);
    return { ok: true, grant: this.#grant(request, hub, user, policy, peer) };
  }

  #tellDoorkeeper(user: HubUser | undefined, attempt: Attempt, proof: number): void {
    const { doorkeeper, clock } = this.#options;
    if (proof === ERROR_AUTH_FAILED) doorkeeper.failed(attempt, clock.now());
    else if (proof === ERROR_NONE && user?.record.kind !== 'anonymous') doorkeeper.succeeded(attempt);
  }

  /** No: the passwords are in a file that is its administrator's to change. */
  changePassword(hubName: string): number {
    return this.#options.hubs.has(hubKey(hubName)) ? ERROR_NOT_ENOUGH_RIGHTS : ERROR_HUB_NOT_FOUND;
  }

  attach(
    sessionKey: Uint8Array,
    _request: AdditionalRequest,
  ): { ok: true; direction: Direction; token: Attachment } | Refusal {
    const member = this.#find(sessionKey);
    if (member === undefined) return { ok: false, code: ERROR_UNKNOWN_SESSION };
    if (!this.hasRoom(member)) return { ok: false, code: ERROR_TOO_MANY_CONNECTIONS };
    const { tunnels } = member.session;
    const direction = member.halfDuplex ? nextDirection(tunnels.map((tunnel) => tunnel.direction)) : 0;
    return { ok: true, direction, token: { member } };
  }

  /**
   * Whether there is room for a new session, with what was granted to it, or for another connection of `member`. To be
   * asked again when the answer to a login has left: any number of others may have been answered before it.
   */
  hasRoom(member: ServerSession | undefined, grant?: Grant<Admission>): boolean {
    const { core, sessions, connections, otherPorts, otherConnections } = this.#options;
    if (member === undefined) {
      if (grant !== undefined) {
        const { hub, user, uniqueId } = grant.token;
        if (!hasLoginsLeft(hub, userKey(user), uniqueId, grant.policy)) return false;
      }
      const windows = grant === undefined ? 0 : (sessionPort(grant).windows ?? 0);
      return sessions.size < Math.min(SESSIONS_MAX, PORTS_MAX - otherPorts) && windows <= core.windowsFree;
    }
    // One above the number is admitted (§6): the replacement of a connection that is about to be closed.
    return member.session.tunnels.length <= member.maxConnections && connections() < CONNECTIONS_MAX - otherConnections;
  }

  hubNames(): readonly string[] {
    return [...this.#options.hubs.values()].map((hub) => hub.name);
  }

  #grant(request: LoginRequest, hub: Hub, { expires }: HubUser, whole: Policy, peer: Peer): Grant<Admission> {
    const { core, random, timeoutMs } = this.#options;
    const { remote, local } = peer;
    const policy = sessionPolicy(whole, request, isLocal(remote.address, local.address));
    // A session that only listens has no priority frames (`protocol/control-plane.md` §9).
    const qos = request.qos && !policy.NoQoS && !policy.MonitorPort;
    const maxConnection = grantedConnections({ ...request, qos }, policy.MaxConnection);
    const user = request.userName.trim();
    this.#connections++;
    return {
      ...sessionKeys(random),
      sessionName: hub.nextSessionName(user),
      connectionName: `CID-${this.#connections}`,
      maxConnection,
      useEncrypt: request.useEncrypt,
      useCompress: request.useCompress,
      halfConnection: request.halfConnection,
      qos,
      timeoutMs: policy.TimeOut === Math.floor(timeoutMs / 1000) ? timeoutMs : policy.TimeOut * 1000,
      vlanId: policy.VLanId,
      message: '',
      policy,
      extensions: agreedExtensions(request.extensions, {
        compress: request.useCompress,
        connections: maxConnection,
        windowsFree: core.windowsFree,
      }),
      token: {
        hub,
        user,
        uniqueId: request.nodeInfo?.uniqueId ?? NO_ID,
        expires,
      },
    };
  }

  /** Looks at every session, however early the key differs: the time tells nothing about other people's keys. */
  #find(key: Uint8Array): ServerSession | undefined {
    let found: ServerSession | undefined;
    for (const member of this.#options.sessions) {
      if (equalBytes(member.key, key)) found = member;
    }
    return found;
  }
}

/** In place of what tells installations apart. */
const NO_ID = new Uint8Array(16);

function attemptOf(request: LoginRequest, hub: Hub, address: string): Attempt {
  return { hub: hubKey(hub.name), user: userKey(request.userName), source: sourceOf(address) };
}

/**
 * Policy MultiLogins. Sessions of the same installation are not counted (`protocol/control-plane.md` §4.7), which no
 * server can verify: it is a limit for people, and not for those who write clients.
 */
function hasLoginsLeft(hub: Hub, user: string, uniqueId: Uint8Array, { MultiLogins }: Policy): boolean {
  if (MultiLogins === 0) return true;
  const known = uniqueId.some((byte) => byte !== 0);
  let others = 0;
  for (const session of hub.sessions) {
    const same = known && equalBytes(session.uniqueId, uniqueId);
    if (userKey(session.user) === user && !same) others++;
  }
  return others < MultiLogins;
}
