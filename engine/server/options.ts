import type { NodeStatus } from '../admin/status.ts';
import type { PriorityRule } from '../core.ts';
import type { AccessRule } from '../hub/access-rule.ts';
import type { Policy } from '../login/policy.ts';
import type { TapPortOptions } from '../node.ts';
import type { Congestion } from '../session/congestion.ts';
import type { TlsChoice } from '../tls-legacy/choice.ts';

/** A server as its configuration file describes it, checked and with every default filled in. */
export interface ServerOptions {
  readonly listen: readonly { readonly host: string; readonly port: number }[];
  /** PEM. */
  readonly certificate: string;
  /** PEM. */
  readonly key: string;
  readonly hubs: readonly HubOptions[];
  /** Session time-out in ms, 5000 to 60000 (`protocol/control-plane.md` §5.1, TimeOut). */
  readonly timeoutMs: number;
  /** Most TCP connections of one session, 1 to 32. */
  readonly maxConnections: number;
  readonly priorityRule: PriorityRule;
  readonly congestion: Congestion;
  readonly tls: TlsChoice;
}

export interface HubOptions {
  readonly name: string;
  readonly users: readonly UserOptions[];
  readonly taps: readonly TapPortOptions[];
  /** Flooded frames per second of one source that the storm limiter lets pass; 0 switches it off. */
  readonly stormLimit: number;
  /** The access list: `protocol/data-plane.md` §6.7. */
  readonly access?: readonly AccessRule[];
}

export interface UserOptions {
  readonly name: string;
  /** Twenty bytes, `protocol/control-plane.md` §4.3; absent for an anonymous user. */
  readonly passwordHash?: Uint8Array;
  /** What is set for this user, that of its group included. */
  readonly policy?: Partial<Policy>;
  /** Its group, for rules of the access list. */
  readonly group?: string;
}

/** A server that listens. */
export interface RunningServer {
  /** `host:port` of every listener, with the port that the system chose where 0 was asked for. */
  readonly listeners: readonly string[];
  status(): NodeStatus;
  /** Ends sessions, listeners and TAPs, in order. */
  close(): Promise<void>;
}
