import type { Core, PortOptions } from '../core.ts';
import type { Random } from '../host.ts';
import { type Hub, hubKey } from '../hub/hub.ts';
import type { AdditionalRequest, Direction } from '../login/additional.ts';
import { authenticate } from '../login/authenticate.ts';
import type { Authority, Grant, Peer, Refusal } from '../login/authority.ts';
import { grantedConnections } from '../login/connections.ts';
import { refusalOf, sessionPolicy, userPolicy } from '../login/effective-policy.ts';
import {
  ERROR_HUB_BUSY,
  ERROR_HUB_NOT_FOUND,
  ERROR_NONE,
  ERROR_TOO_MANY_CONNECTIONS,
  ERROR_UNKNOWN_SESSION,
} from '../login/errors.ts';
import type { LoginRequest } from '../login/login-request.ts';
import { agreedExtensions, portAbilities } from '../login/own-extensions.ts';
import type { Sha0 } from '../login/password.ts';
import { equalBytes } from '../login/password.ts';
import type { Policy } from '../login/policy.ts';
import { sessionKeys } from '../login/welcome.ts';
import { nextDirection, type ServerSession } from './server-session.ts';

/** What a login that was granted is about to become. */
export interface Admission {
  readonly hub: Hub;
  readonly user: string;
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
  /** TAPs of all hubs. */
  readonly taps: number;
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

  login(request: LoginRequest, challenge: Uint8Array, peer: Peer): { ok: true; grant: Grant<Admission> } | Refusal {
    const { sha0, hubs } = this.#options;
    const hub = hubs.get(hubKey(request.hubName));
    const user = hub?.user(request.userName);
    let code = hub === undefined ? ERROR_HUB_NOT_FOUND : authenticate(sha0, user, request, challenge);
    const policy = userPolicy(hub?.policy(request.userName) ?? {}, this.#options);
    if (code === ERROR_NONE) code = refusalOf(policy, request, false);
    if (code === ERROR_NONE && !this.hasRoom(undefined)) code = ERROR_HUB_BUSY;
    if (hub === undefined || code !== ERROR_NONE) {
      this.#options.refused(request, peer, code);
      return { ok: false, code };
    }
    return { ok: true, grant: this.#grant(request, hub, policy) };
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
    const { core, sessions, connections, taps } = this.#options;
    if (member === undefined) {
      const windows = grant === undefined ? 0 : (sessionPort(grant).windows ?? 0);
      return sessions.size < Math.min(SESSIONS_MAX, PORTS_MAX - taps) && windows <= core.windowsFree;
    }
    // One above the number is admitted (§6): the replacement of a connection that is about to be closed.
    return member.session.tunnels.length <= member.maxConnections && connections() < CONNECTIONS_MAX;
  }

  hubNames(): readonly string[] {
    return [...this.#options.hubs.values()].map((hub) => hub.name);
  }

  #grant(request: LoginRequest, hub: Hub, whole: Policy): Grant<Admission> {
    const { core, random, timeoutMs } = this.#options;
    const policy = sessionPolicy(whole, request, false);
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
      token: { hub, user },
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
