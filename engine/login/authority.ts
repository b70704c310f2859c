import type { Address } from '../host.ts';
import type { AdditionalRequest, Direction } from './additional.ts';
import type { LoginRequest } from './login-request.ts';
import type { WelcomeParams } from './welcome.ts';

/** Both ends of a connection as the server sees them. */
export interface Peer {
  readonly remote: Address;
  /** With `remote` it shows a client on the server's own machine (`protocol/control-plane.md` §9). */
  readonly local: Address;
}

/** A welcome, and whatever the authority wants to find again in the outcome. */
export interface Grant<Token> extends WelcomeParams {
  readonly token: Token;
}

/** As in `./errors.ts`, not 0. */
export interface Refusal {
  readonly ok: false;
  readonly code: number;
  /** The client is not to store the password. Only for somebody who has proved to be the user. */
  readonly noSavePassword?: boolean;
}

/** A login that is to be decided later. */
export interface Wait {
  /** Milliseconds, like every `now`. */
  readonly until: number;
  /** The wait is over, or the peer has gone. To be called once. */
  release(): void;
}

/** Who decides; the preamble only speaks the protocol. The methods answer at once. */
export interface Authority<Session = unknown, Connection = unknown> {
  /** Asked before `login`: whether that has to wait, or is refused because too many wait. Absent: nobody waits. */
  hold?(request: LoginRequest, peer: Peer, now: number): Wait | Refusal | undefined;
  /**
   * Checks in the order of `protocol/control-plane.md` §7: the hub (8), the address (109), the hub's state (10),
   * authentication (9, 7, 51), version (87), expiry and Access (12), monitor (107), bridge (108), the user's sessions
   * (20), the hub's (16). `authenticate` does its part of it.
   *
   * @param challenge 20 bytes, those of the hello on this connection.
   */
  login(request: LoginRequest, challenge: Uint8Array, peer: Peer): { ok: true; grant: Grant<Session> } | Refusal;
  /**
   * A further connection for the session with this key: 13 when there is none, 15 when it has too many.
   *
   * @param sessionKey 20 bytes.
   */
  attach(
    sessionKey: Uint8Array,
    request: AdditionalRequest,
    peer: Peer,
  ): { ok: true; direction: Direction; token: Connection } | Refusal;
  /** A password that is to be changed, of which nothing but the hub is looked at: why it is not. */
  changePassword?(hubName: string): number;
  /** The hubs that a stranger may see. */
  hubNames(): readonly string[];
}
