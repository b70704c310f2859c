/** What `etherloom status` shows: a snapshot of a running node, ready for JSON. Counters never go back. */

import type { CodecName } from '../codec/codec.ts';

export interface NodeStatus {
  readonly version: string;
  readonly role: 'server' | 'client' | 'bridge';
  readonly runtime: { readonly name: string; readonly version: string };
  readonly pid: number;
  /** ISO 8601, UTC. */
  readonly since: string;
  /** `host:port` of every listener. */
  readonly listeners: readonly string[];
  readonly core: CoreStatus;
  readonly hubs: readonly HubStatus[];
  /** On a server: what is done about those who guess passwords. */
  readonly logins?: LoginStatus;
  /** On a client: what its session is doing. */
  readonly client?: ClientStatus;
}

/** Counted since the start, unless it says "now". */
export interface LoginStatus {
  /** Logins with a wrong password, certificate or user. */
  readonly failures: number;
  /** Logins that had to wait before they were looked at. */
  readonly delayed: number;
  /** Logins that were told to come back later, because too many waited. */
  readonly turnedAway: number;
  /** Logins that wait now. */
  readonly waiting: number;
  /** Sources whose logins wait now: addresses, and IPv6 networks of 64 bits. */
  readonly slowedSources: number;
  /** Users for whom now all wait who have not been in their account before. */
  readonly slowedUsers: number;
}

export interface CoreStatus {
  /** Which build of the core runs. */
  readonly build: 'simd' | 'scalar';
  /** What compresses single frames: the core, or a replacement in JavaScript where the core's did not work. */
  readonly codec: CodecName;
  /** Calls from JavaScript into WebAssembly, and frames that entered the core, since the start. */
  readonly calls: number;
  readonly frames: number;
  /** Frame buffers in use and in all. */
  readonly buffersUsed: number;
  readonly buffersTotal: number;
}

export interface HubStatus {
  readonly name: string;
  /** Entries of the forwarding table. */
  readonly fdb: number;
  readonly sessions: readonly PortStatus[];
  readonly taps: readonly PortStatus[];
  /** Interfaces of the host that are bridged. */
  readonly bridges: readonly BridgeStatus[];
  /** On a server: the hub's ways to other hubs. */
  readonly cascades?: readonly CascadeStatus[];
  /** By which other servers name this hub when they report a loop. */
  readonly identity?: string;
  /** Loops that this hub has cut. */
  readonly loops?: readonly LoopStatus[];
}

export interface CascadeStatus {
  readonly name: string;
  /** `link`: to a hub of the same server, without a connection. */
  readonly kind: 'session' | 'link';
  readonly state: 'offline' | 'connecting' | 'established' | 'interrupted' | 'waiting';
  /** `host:port`; absent for a link. */
  readonly server?: string;
  /** The hub at the other end. */
  readonly hub: string;
  readonly user?: string;
  /** Attempts since the session was last up. */
  readonly attempts: number;
  /** Why the last attempt or session ended. */
  readonly lastError?: string;
  /** While it is up. */
  readonly port?: PortStatus;
}

export interface LoopStatus {
  /** The port that is blocked, and the one that leads to the same place. */
  readonly blocked: string;
  readonly open: string;
  /** The hubs in between, as far as they are Etherloom's: names of this server's, identities of others. */
  readonly through: readonly string[];
  /** ISO 8601, UTC. */
  readonly since: string;
}

/** Its counters go on when the interface comes back. */
export interface BridgeStatus extends PortStatus {
  /** `waiting`: there is no such interface now, or it cannot be bridged; it is tried again. */
  readonly state: 'open' | 'waiting';
  /** Why it waits. */
  readonly lastError?: string;
  /** That of the interface when it was opened, bytes. */
  readonly mtu?: number;
}

export interface PortStatus {
  /** Session name such as `SID-ALICE-1`, or the name of the TAP. */
  readonly name: string;
  /** Sessions only. */
  readonly user?: string;
  readonly peer?: string;
  readonly connections?: readonly ConnectionStatus[];
  /** ISO 8601, UTC. */
  readonly since: string;
  /** Bytes that wait to leave the port. */
  readonly queuedBytes: number;
  /** From the port into the hub. */
  readonly received: TrafficStatus;
  /** From the hub out of the port. */
  readonly sent: TrafficStatus;
  /** Sessions only: towards the peer. */
  readonly classes?: { readonly bulk: ClassStatus; readonly priority: ClassStatus };
  /** Sessions only: how often frames were not waited for that another connection was to bring; between own peers. */
  readonly batchesSkipped?: number;
  /** Batches that were sent again, because their connection had stopped or gone away. */
  readonly batchesResent?: number;
  /** Sessions that compress only. */
  readonly compression?: CompressionStatus;
  /** Why nothing but probes for loops passes it; absent when all does. */
  readonly blocked?: string;
  /** Frames dropped, by cause; causes that never happened are left out. */
  readonly drops: Readonly<Record<string, number>>;
}

/** What compression did; the time is that of this process. */
export interface CompressionStatus {
  readonly sent: CodecStatus;
  readonly received: CodecStatus;
}

export interface CodecStatus {
  /** Bytes of the frames, and what they were in the tunnel. */
  readonly bytes: number;
  readonly compressedBytes: number;
  /** 0 to 100, with one decimal; 0 also where frames have grown. */
  readonly savedPercent: number;
  /** Milliseconds spent on it. */
  readonly ms: number;
}

export interface TrafficStatus {
  readonly frames: number;
  readonly bytes: number;
}

export interface ConnectionStatus {
  readonly peer: string;
  readonly protocol: string;
  /** `none` when the frames travel bare. */
  readonly cipher: string;
  /** ISO 8601, UTC. */
  readonly since: string;
  readonly ageSeconds: number;
  readonly direction: 'both' | 'server-to-client' | 'client-to-server';
  /** Bytes of the tunnel stream, framing and keep-alives included. */
  readonly receivedBytes: number;
  readonly sentBytes: number;
  /** Bytes that were dealt to the connection and that TCP has not taken. */
  readonly unsentBytes: number;
  /** Share of what the session sent on its connections, 0 to 100. */
  readonly sentPercent: number;
  /** What TCP tells, where the kernel does. */
  readonly tcp?: TcpStatus;
  /** Milliseconds since the last complete block or keep-alive. */
  readonly lastReceivedMs: number;
}

export interface TcpStatus {
  /** Smoothed, and the least of the last minutes, ms. */
  readonly roundTripMs: number;
  readonly leastRoundTripMs: number;
  /** Bytes that the kernel has taken and not sent yet. */
  readonly unsentBytes: number;
  /** Segments that were sent again. */
  readonly retransmissions: number;
  /** Bytes per second that the connection drained when last there was always more to send; absent when there never was. */
  readonly drainRate?: number;
  /** How the kernel controls congestion. */
  readonly congestion?: string;
}

/** What left a session in one class, bulk or priority. */
export interface ClassStatus {
  readonly frames: number;
  readonly bytes: number;
  /** Frames that were dropped in the queue, or had no place there. */
  readonly drops: number;
  /** Half of the frames, of late, waited no longer in the queue; and all but one in a hundred. */
  readonly delayMs: { readonly p50: number; readonly p99: number };
}

export interface ClientStatus {
  readonly state: 'connecting' | 'established' | 'interrupted' | 'waiting' | 'ended';
  readonly server: string;
  readonly hub: string;
  readonly user: string;
  /** Why the last attempt or session ended. */
  readonly lastError?: string;
  /** Attempts since the session was last up. */
  readonly attempts: number;
  /** What is set in the machine, when something is to be. */
  readonly settings?: SettingsStatus;
}

export interface SettingsStatus {
  readonly addresses: readonly AddressStatus[];
  readonly routes: readonly RouteStatus[];
  readonly dns?: { readonly servers: readonly string[]; readonly search: readonly string[] };
  /** Nothing leaves but through the TAP and to `servers`. */
  readonly killSwitch: boolean;
  /** Where the server, or the proxy, is: reached without the tunnel. */
  readonly servers: readonly string[];
}

export interface AddressStatus {
  /** In CIDR form. */
  readonly address: string;
  readonly origin: 'profile' | 'dhcp' | 'dhcpv6' | 'slaac';
  /** Who leased it. */
  readonly server?: string;
  /** ISO 8601, UTC; absent: never. */
  readonly renews?: string;
  readonly expires?: string;
}

export interface RouteStatus {
  /** In CIDR form. */
  readonly to: string;
  readonly via?: string;
  readonly origin: 'profile' | 'dhcp';
}
