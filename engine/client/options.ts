import type { NodeStatus } from '../admin/status.ts';
import type { ChannelSecurity, TapOptions } from '../host.ts';

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
    | { readonly kind: 'plain'; readonly password: Uint8Array };
  readonly tap: TapOptions;
  /** PEM of the CAs to trust instead of the runtime's list. */
  readonly ca?: string;
  /** Judges the server before any credential is sent; resolves to undefined, or to why the server is not trusted. */
  readonly trust: (security: ChannelSecurity) => Promise<string | undefined>;
  /** Ask for bridge mode: more than one station behind the TAP. */
  readonly bridge: boolean;
  readonly qos: boolean;
  /** Milliseconds between the end of an attempt or a session and the next attempt. */
  readonly reconnectMs: number;
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
      /** What the server wants its user to read, or empty. */
      readonly message: string;
    }
  | { readonly kind: 'lost'; readonly cause: string; readonly retryMs: number };

export interface RunningClient {
  /** Resolves once, when the client has ended: by `close`, or by an answer that will not change by itself. */
  readonly ended: Promise<ClientEnd>;
  status(): NodeStatus;
  close(): Promise<void>;
}
