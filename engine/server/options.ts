import type { CascadeStatus, NodeStatus } from '../admin/status.ts';
import type { CascadeOptions } from '../cascade/options.ts';
import type { PriorityRule } from '../core.ts';
import type { BridgeOptions } from '../host.ts';
import type { AccessRule } from '../hub/access-rule.ts';
import type { Policy } from '../login/policy.ts';
import type { TapPortOptions } from '../node.ts';
import type { Congestion } from '../session/congestion.ts';
import type { TlsChoice } from '../tls-legacy/choice.ts';

/** A server as its configuration file describes it, checked and with every default filled in. */
export interface ServerOptions {
  /** `bridge`: it listens nowhere, and there are no certificate and no key. `server` when absent. */
  readonly role?: 'server' | 'bridge';
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
  /** DER of the CAs whose certificates users with `ca` sign in with; at most 32. */
  readonly cas?: readonly Uint8Array[];
  readonly taps: readonly TapPortOptions[];
  /** Interfaces of the host that are ports of the hub. */
  readonly bridges?: readonly BridgeOptions[];
  /** Flooded frames per second of one source that the storm limiter lets pass; 0 switches it off. */
  readonly stormLimit: number;
  /** The access list: `protocol/data-plane.md` §6.7. */
  readonly access?: readonly AccessRule[];
  /** Its ways to other hubs; none when absent. */
  readonly cascades?: readonly CascadeOptions[];
}

/** Of `passwordHash`, `certificate` and `ca` at most one is there; with none of them the user is anonymous. */
export interface UserOptions {
  readonly name: string;
  /** Twenty bytes, `protocol/control-plane.md` §4.3. */
  readonly passwordHash?: Uint8Array;
  /** DER of the one certificate with which the user signs in (`protocol/control-plane.md` §4.5). */
  readonly certificate?: Uint8Array;
  /** The user signs in with a certificate that one of the hub's CAs has issued, and that has this name or number. */
  readonly ca?: {
    readonly commonName?: string;
    /** Hexadecimal digits in lower case, without zeros in front. */
    readonly serial?: string;
  };
  /** Knows who it is and may not enter. */
  readonly disabled?: boolean;
  /** Milliseconds since 1970 UTC; absent: never. */
  readonly expires?: number;
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
  /**
   * Brings a cascade up, or takes it down until it is brought up again. Without a hub, the one that has a cascade of this
   * name. The answer is its status, or why nothing was done.
   */
  setCascade(name: string, hub: string | undefined, online: boolean): CascadeAnswer;
  /** Ends sessions, listeners and TAPs, in order. */
  close(): Promise<void>;
}

/** What comes of asking for a cascade by its name. */
export type CascadeAnswer =
  | { readonly ok: true; readonly hub: string; readonly cascade: CascadeStatus }
  | { readonly ok: false; readonly problem: string };
