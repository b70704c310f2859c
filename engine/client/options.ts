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
  /** What is set in the machine while the session is up; absent: the TAP with its addresses, and nothing else. */
  readonly settings?: ClientSettings;
  /** PEM of the CAs to trust instead of the runtime's list. */
  readonly ca?: string;
  /** Judges the server before any credential is sent; resolves to undefined, or to why the server is not trusted. */
  readonly trust: (security: ChannelSecurity) => Promise<string | undefined>;
  /** Of a client, one of the two engines. */
  readonly tls: TlsChoice;
  /** Ask for bridge mode: more than one station behind the TAP. */
  readonly bridge: boolean;
  /** Ask for monitor mode: copies of all that others send, and nothing else (`protocol/data-plane.md` §6.9). */
  readonly monitor?: boolean;
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

/** Settings of the machine, from the profile or from servers of the hub. */
export interface ClientSettings {
  /** Get an IPv4 address by DHCP. */
  readonly dhcp: boolean;
  /**
   * `auto`: the kernel takes prefixes of router advertisements, and DHCPv6 is asked when they say so; `dhcp`: DHCPv6 is
   * asked also without; `off`: advertisements are passed over; absent: as the kernel has it.
   */
  readonly ipv6?: 'auto' | 'dhcp' | 'off';
  /** Networks in CIDR form. */
  readonly routes: readonly string[];
  /** Everything that has no route of its own goes through the TAP, or nowhere. */
  readonly defaultRoute: boolean;
  /** Take the routes that the DHCP server has. */
  readonly serverRoutes: boolean;
  /** Routers for `routes` and the default route, at most one of each family; without one DHCP's are taken. */
  readonly gateways: readonly string[];
  /** Of routes in the main table; the kernel's when absent. */
  readonly metric?: number;
  readonly dns: readonly string[];
  /** Take the DNS servers and domains that DHCP and router advertisements name. */
  readonly serverDns: boolean;
  /** Domains to search. */
  readonly search: readonly string[];
  readonly killSwitch: boolean;
  /** The kill switch lets the networks pass that the machine is attached to. */
  readonly allowLan: boolean;
  /** Where the journal of changes may be. */
  readonly journals: readonly string[];
}

/** How a client ended for good. */
export interface ClientEnd {
  readonly kind: 'closed' | 'refused' | 'untrusted' | 'tap' | 'unreachable' | 'settings';
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
  /** The TAP has an address from a server; renewals are not told. */
  | {
      readonly kind: 'addressed';
      /** In CIDR form. */
      readonly address: string;
      readonly origin: 'dhcp' | 'dhcpv6';
      readonly server: string;
      /** Seconds; absent: for ever. */
      readonly lease?: number;
    }
  | { readonly kind: 'unaddressed'; readonly address: string; readonly cause: string }
  | { readonly kind: 'lost'; readonly cause: string; readonly retryMs: number };

export interface RunningClient {
  /** Resolves once, when the client has ended: by `close`, or by an answer that will not change by itself. */
  readonly ended: Promise<ClientEnd>;
  status(): NodeStatus;
  close(): Promise<void>;
}
