import type { NodeStatus } from '../admin/status.ts';
import type { PriorityRule } from '../core.ts';
import type { ChannelSecurity, ProxyOptions } from '../host.ts';
import type { Signer } from '../login/client-login.ts';
import type { TapPortOptions } from '../node.ts';
import type { Congestion } from '../session/congestion.ts';
import type { TlsChoice } from '../tls-legacy/choice.ts';

/** What `etherloom connect` asks for, checked and with every default filled in. */
export interface ClientOptions {
  readonly host: string;
  readonly port: number;
  readonly hub: string;
  readonly user: string;
  /** `hashed` is right for a user of the server's own list, `plain` for one that the server looks up elsewhere. */
  readonly credential:
    | { readonly kind: 'anonymous' }
    | { readonly kind: 'hashed'; readonly password: Uint8Array }
    | { readonly kind: 'plain'; readonly password: Uint8Array }
    /** DER, and the key that belongs to it. */
    | { readonly kind: 'certificate'; readonly certificate: Uint8Array; readonly key: Signer };
  readonly tap: TapPortOptions;
  /** PEM of the CAs to trust instead of the runtime's list. */
  readonly ca?: string;
  /** Judges the server before any credential is sent; resolves to undefined, or to why the server is not trusted. */
  readonly trust: (security: ChannelSecurity) => Promise<string | undefined>;
  /** Of a client, one of the two engines. */
  readonly tls: TlsChoice;
  /** Ask for bridge mode: more than one station behind the TAP. */
  readonly bridge: boolean;
  readonly qos: boolean;
  readonly priorityRule: PriorityRule;
  readonly congestion: Congestion;
  /** TCP connections, 1 to 32; with QoS at least 2 are used (`protocol/control-plane.md` §5). */
  readonly connections: number;
  /** Milliseconds between opening two of them, at least 1000. */
  readonly connectionIntervalMs: number;
  /** Milliseconds after which a connection is replaced; Infinity: never. */
  readonly connectionLifetimeMs: number;
  /** Each connection carries frames one way only; needs 2 connections or more. */
  readonly halfDuplex: boolean;
  /** False: only the login is encrypted, the frames travel bare. */
  readonly encrypt: boolean;
  /** Ask for compressed frames; see COMPRESSION_WARNING. */
  readonly compress: boolean;
  /** The way to the server; absent: direct. */
  readonly proxy?: ProxyOptions;
  /** Milliseconds between the end of an attempt or a session and the next attempt, at least 5000. */
  readonly reconnectMs: number;
  /** Attempts after the first that failed, 0 to Infinity; counted anew when a session was up. */
  readonly reconnectAttempts: number;
  /** Try again also after an answer that will not change by itself. */
  readonly stubborn: boolean;
}

/** How a client ended for good. */
export interface ClientEnd {
  readonly kind: 'closed' | 'refused' | 'untrusted' | 'tap' | 'unreachable';
  readonly message: string;
  /** The server's error number when it refused (`protocol/control-plane.md` §7). */
  readonly code?: number;
}

export type ClientEvent =
  | { readonly kind: 'connecting'; readonly attempt: number }
  | {
      readonly kind: 'established';
      readonly session: string;
      readonly server: string;
      readonly cipher: string;
      readonly protocol: string;
      readonly compressed: boolean;
      /** What the server wants its user to read, or empty. */
      readonly message: string;
    }
  /** All connections are gone; the session lives on for a while and may be resumed. */
  | { readonly kind: 'interrupted'; readonly cause: string }
  | { readonly kind: 'resumed' }
  | { readonly kind: 'lost'; readonly cause: string; readonly retryMs: number };

export interface RunningClient {
  /** Resolves once, when the client has ended: by `close`, or by an answer that will not change by itself. */
  readonly ended: Promise<ClientEnd>;
  status(): NodeStatus;
  close(): Promise<void>;
}
