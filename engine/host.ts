/**
 * What a host implements. The engine calls these interfaces and nothing else of its runtime; the simulator in
 * test/sim implements them a third time, in memory and with a fake clock.
 */

/** An IP address and a TCP port. */
export interface Address {
  /** Textual IPv4 or IPv6 address, no brackets, no zone. */
  readonly address: string;
  /** 1 to 65535. */
  readonly port: number;
}

/** What the TLS layer says of a connection once its handshake is over. */
export interface ChannelSecurity {
  /** For example `TLSv1.3`. */
  readonly protocol: string;
  /** OpenSSL's or the IANA name, for example `TLS_AES_256_GCM_SHA384`. */
  readonly cipher: string;
  /** The peer's certificate in DER. Only on connections that this side opened. */
  readonly certificate?: Uint8Array;
  /** Why the certificate does not chain to a trusted CA or does not name the host; undefined when it does. */
  readonly distrust?: string;
}

/** Public-key work that a host lends: to this program's own TLS (`engine/tls-legacy`), and to logins by certificate. */
export interface Certificates {
  /** The private key of a PEM; undefined when it is not one for RSA. Throws when it is no private key at all. */
  rsaKey(pem: string): RsaKey | undefined;
  /** RSAES-PKCS1-v1_5 (RFC 8017 §7.2.1) with the public key of a certificate in DER. Throws when it has none for RSA. */
  encrypt(certificate: Uint8Array, secret: Uint8Array): Uint8Array;
  /** What a certificate in DER says; undefined when it cannot be read. */
  facts(certificate: Uint8Array): CertificateFacts | undefined;
  /** RSASSA-PKCS1-v1_5 (RFC 8017 §8.2.2) with SHA-1, by the RSA key of a certificate in DER. Never throws. */
  verify(certificate: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /** Whether `issuer` is named as the issuer of `certificate` and has signed it; both in DER. Never throws. */
  issued(issuer: Uint8Array, certificate: Uint8Array): boolean;
}

/** What a login asks of a certificate (`protocol/control-plane.md` §4.5). */
export interface CertificateFacts {
  /** Bits of the modulus; 0 when its key is not for RSA. */
  readonly rsaBits: number;
  /** Its validity, both ends included: milliseconds since 1970 UTC. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** All CNs of its subject. */
  readonly commonNames: readonly string[];
  /** Hexadecimal digits in lower case, without zeros in front. */
  readonly serial: string;
  /** Whether it may identify a client: it says no use, or that one (RFC 5280 §4.2.1.12). */
  readonly forClients: boolean;
  /** Whether it is one of a CA (RFC 5280 §4.2.1.9). */
  readonly ca: boolean;
}

export interface RsaKey {
  /**
   * RSADP (RFC 8017 §5.1.2): the block, with its padding, as long as the modulus. Empty when `encrypted` is not of that
   * length or not below the modulus.
   */
  decrypt(encrypted: Uint8Array): Uint8Array;
  /** RSASSA-PKCS1-v1_5 (RFC 8017 §8.2.1) with SHA-1. Throws when the key is too short for that. */
  sign(message: Uint8Array): Uint8Array;
}

/**
 * One TLS connection that this program's own engine makes, without the TCP connection under it: see
 * `engine/tls-legacy/connection.ts`.
 */
export interface TlsEndpoint {
  readonly security: ChannelSecurity | undefined;
  readonly chain: readonly Uint8Array[];
  readonly open: boolean;
  readonly peerClosed: boolean;
  readonly failure: { readonly code: string; readonly message: string } | undefined;
  deliverSingly(): void;
  receive(bytes: Uint8Array, deliver: (data: Uint8Array) => boolean): void;
  seal(bytes: Uint8Array): { readonly records: Uint8Array; readonly taken: number };
  takeOutput(): Uint8Array | undefined;
  takeRest(): Uint8Array;
  close(): void;
  handleEnd(): void;
  release(): void;
}

/** Says of a connection that was accepted whether the runtime's TLS or the engine's takes it. */
export interface TlsSelector {
  /** Whether the engine takes every one. */
  readonly only: boolean;
  /** By the first bytes of it; undefined: it takes more of them. */
  choose(first: Uint8Array): 'runtime' | 'engine' | undefined;
  open(): TlsEndpoint;
}

/** What the kernel tells of a TCP connection. */
export interface TcpState {
  /** Segments that were sent again since the connection was opened. */
  readonly retransmissions: number;
  /** Smoothed, and the least of the last minutes. */
  readonly roundTripMs: number;
  readonly leastRoundTripMs: number;
  /** Bytes, TLS and all, that the peer's kernel has since the connection was opened, as far as it has said so. */
  readonly deliveredBytes: number;
  /** Bytes that the kernel has taken and not sent yet. */
  readonly unsentBytes: number;
  /** Segments that it may have under way. */
  readonly congestionWindow: number;
}

/** One TCP connection with TLS on it. */
export interface Channel {
  /** The other end of the TCP connection: of one through a proxy, the proxy. */
  readonly remote: Address;
  readonly local: Address;
  /** Present from `opened` on. */
  readonly security: ChannelSecurity | undefined;
  /** Whether `write` would take something now. */
  readonly writable: boolean;
  /**
   * Takes bytes to send and returns how many it took, from the front. What it took is copied or sent when the call
   * returns: the caller may reuse the memory at once. It never throws; on a closed channel it takes nothing.
   */
  write(bytes: Uint8Array): number;
  /** Undefined where the kernel does not tell. */
  tcp?(): TcpState | undefined;
  /**
   * Has the kernel take no more while it holds so many bytes that it has not sent yet, 2 ** 32 - 1 for any number:
   * `writable` then tells that the network takes more. Does nothing where that cannot be had.
   */
  limitUnsent?(bytes: number): void;
  /** Has the kernel send no faster than so many bytes per second; Infinity: as fast as it can. */
  limitRate?(bytesPerSecond: number): void;
  /** How the kernel controls congestion, such as `cubic`; undefined where it does not tell. */
  congestion?(): string | undefined;
  /** Has it control congestion another way; false where it does not have that, or not for us. */
  useCongestion?(name: string): boolean;
  /** Stops and restarts reading, so that TCP pushes back on the peer. */
  pause(): void;
  resume(): void;
  /**
   * Abandons TLS (`protocol/control-plane.md` §8.4): what was written before goes through TLS, what is written after goes
   * bare; neither close_notify nor any other record says so. `writable` is false until the TLS bytes have left, then
   * `writable()` is called; `security` stays as it was.
   *
   * On a connection opened with `bare` it is called inside the `data()` call that brought the last bytes from TLS: every
   * byte behind their record is delivered bare. On an accepted one it is called after `pause()`, when `write` took all
   * of the last answer: the peer sends nothing bare before it has read that, so nothing bare has been read as TLS.
   *
   * Once on a connection. Throws on one that was opened without `bare`, or has left; on a closed one it does nothing.
   */
  leaveTls(): void;
  /** Delivers what was taken, then close_notify (`protocol/control-plane.md` §13.1) unless TLS was left, and FIN. */
  close(): void;
  /** Closes at once; what was not sent is lost. */
  abort(): void;
}

/**
 * One TCP connection without TLS: `ChannelHandler` is told of it as of a channel, `opened` when TCP is up. `write` hands its
 * bytes to the kernel in the same call, and everything that is read lands in memory that is used again.
 */
export type TcpStream = Omit<Channel, 'security' | 'leaveTls'>;

/** What a channel tells its owner. No call comes before `connect` or the accept callback has returned. */
export interface ChannelHandler {
  /** The TLS handshake is over. */
  opened(): void;
  /** Decrypted bytes, at most 1 MiB. The memory is the host's and is valid only during the call. */
  data(bytes: Uint8Array): void;
  /** `write` takes bytes again after it took less than all, or after `writable` was false. */
  writable(): void;
  /** The last call, exactly once. `error` is undefined when either side closed in order. */
  closed(error: HostError | undefined): void;
}

/** An operation of the host that failed, in words for a person. */
export interface HostError {
  /** What was being done. */
  readonly doing: 'listen' | 'connect' | 'tap' | 'load' | 'settings';
  /**
   * The system's name of the error where there is one, such as `ECONNREFUSED`; otherwise a word of ours, such as a
   * `ProxyCode` of `engine/proxy/handshake.ts`.
   */
  readonly code: string;
  /** What was tried, on what, and what went wrong. */
  readonly message: string;
}

export interface ListenOptions {
  readonly host: string;
  readonly port: number;
  /** PEM. */
  readonly certificate: string;
  /** PEM. */
  readonly key: string;
  /** The least version of the runtime's TLS; TLSv1.2 when absent. */
  readonly minimum?: 'TLSv1.2' | 'TLSv1.3';
  /** Absent: the runtime's TLS takes every connection. */
  readonly tls?: TlsSelector;
}

export interface Listener {
  readonly local: Address;
  close(): Promise<void>;
}

export interface ConnectOptions {
  /** Name or address; it is also the SNI name, as SoftEther sends it, address literals included. */
  readonly host: string;
  readonly port: number;
  /** PEM of the CAs to trust instead of the runtime's own list. */
  readonly ca?: string;
  /** Milliseconds for TCP, the proxy and TLS together. */
  readonly timeoutMs: number;
  /** The way there. Absent: direct. */
  readonly proxy?: ProxyOptions;
  /** The least version of the runtime's TLS; TLSv1.2 when absent. */
  readonly minimum?: 'TLSv1.2' | 'TLSv1.3';
  /** Makes the TLS of the connection, in place of the runtime's. */
  readonly tls?: () => TlsEndpoint;
  /** The connection is to leave TLS: `Channel.leaveTls`. Until it does, it is slower than others. */
  readonly bare?: boolean;
  /** Where the next hop is: the proxy when there is one, else the host. */
  readonly way?: Way;
}

/** How the name of the next hop becomes an address, for whoever has to keep the route there. */
export interface Way {
  /** Taken in place of a look-up, in this order; empty: the name is looked up. */
  readonly known: readonly string[];
  /** Told before the first packet leaves for one of them. Throws a `HostError`: then there is no attempt. */
  found(addresses: readonly string[]): void;
}

/** A proxy and who we are to it: `protocol/control-plane.md` §10. */
export interface ProxyOptions {
  readonly kind: ProxyKind;
  /** Name or address. */
  readonly host: string;
  readonly port: number;
  /** For HTTP and SOCKS5 with a password; of SOCKS4 and SOCKS4a the user id. */
  readonly user?: string;
  readonly password?: string;
}

/** With `socks4` this machine looks the target's name up, with the others the proxy does. */
export type ProxyKind = 'http' | 'socks4' | 'socks4a' | 'socks5';

export interface Network {
  /** Rejects with a `HostError`, for example when the port is taken. */
  listen(options: ListenOptions, accept: (channel: Channel) => ChannelHandler): Promise<Listener>;
  /** Never throws; a failure arrives as `closed`. Never refuses a certificate: it reports `distrust`. */
  connect(options: ConnectOptions, handler: ChannelHandler): Channel;
}

/** TCP without TLS, directly and without a proxy. */
export interface Tcp {
  /** Rejects with a `HostError`, for example when the port is taken. */
  listen(
    options: Pick<ListenOptions, 'host' | 'port'>,
    accept: (stream: TcpStream) => ChannelHandler,
  ): Promise<Listener>;
  /** Never throws; a failure arrives as `closed`. */
  connect(options: Pick<ConnectOptions, 'host' | 'port' | 'timeoutMs'>, handler: ChannelHandler): TcpStream;
}

/**
 * A batch of frames in the core's memory. The arrays have the same length and live in that memory themselves.
 * Each place starts with the `VNET_HEADER_BYTES` that the kernel puts in front of a frame.
 */
export interface FrameBatch {
  /** The core's whole memory. */
  readonly memory: Uint8Array;
  /** Byte offsets into `memory`. */
  readonly offsets: Uint32Array;
  /** For a read: the room in, the length out. For a write: the length. Both with the virtio header. */
  readonly lengths: Uint32Array;
  /**
   * For a read: a VLAN tag that the kernel took out of the frame, as its four bytes lie on the wire; the core puts it back, for
   * which four bytes of the room are to be left. All are 0 before.
   */
  readonly tags?: Uint32Array;
}

/** Bytes of `struct virtio_net_hdr` in front of every frame that a TAP reads or writes. */
export const VNET_HEADER_BYTES = 10;

/** A TAP device, opened with a virtio header. */
export interface Tap {
  readonly name: string;
  /**
   * Whether it gives and takes frames with unfinished checksums and super-frames: of TCP, and of UDP. Each place of a
   * batch to read has to have room for 64 KiB then.
   */
  readonly offloads: { readonly tcp: boolean; readonly udp: boolean };
  /** Six bytes. */
  readonly mac: Uint8Array;
  /**
   * Fills up to `count` places from the front and returns how many. It stops behind the frame with which it has read
   * `bytes` bytes; where one call to the kernel reads several frames, it stops when it has read about as many.
   */
  read(batch: FrameBatch, count: number, bytes: number): number;
  /** Writes `count` frames from the front and returns how many the kernel took. One that it refuses is skipped and counts as taken. */
  write(batch: FrameBatch, count: number): number;
  /** Asks for one `readable` call. */
  arm(): void;
  /** For one who reads again and again although there is nothing: lets others have the processor that wait for it. */
  giveWay?(): void;
  /** Closes the device; its address goes with it. No call comes afterwards. */
  close(): void;
  /** Frames that the kernel did not take, or could not hand over, since it was opened, by cause; causes that never happened are left out. */
  lost?(): Readonly<Record<string, number>>;
}

export interface TapHandler {
  readable(): void;
  /** The device went away under us. */
  failed(error: HostError): void;
}

export interface TapOptions {
  /** At most 15 characters; it must not exist. */
  readonly name: string;
  /** Addresses in CIDR form, IPv4 or IPv6. */
  readonly addresses: readonly string[];
  /** 576 to 65521; 1500 when absent. */
  readonly mtu?: number;
  /** Six bytes, locally administered; the kernel's choice when absent. */
  readonly mac?: Uint8Array;
  /** False: the kernel finishes every frame by itself. True when absent, as far as the kernel can. */
  readonly offload?: boolean | undefined;
}

export interface Taps {
  /** Throws a `HostError`. */
  open(options: TapOptions, handler: TapHandler): Tap;
}

/**
 * An interface of this host that is a port of a hub: it reads what comes from the wire and is not for the host itself, and
 * writes to the wire. `mac` is the host's own address on it. Closing it restores what opening and using it has changed.
 */
export interface BridgedInterface extends Tap {
  /** Largest packet in bytes, without the Ethernet header, that it was set to when it was opened. */
  readonly mtu: number;
  /** IP addresses of the host on it, link-local ones left out. */
  readonly addresses: readonly string[];
  /** Whether a default route of the host leaves by it. */
  readonly hasDefaultRoute: boolean;
  /** Longest frame in bytes, without a VLAN tag, that can be written: its MTU is raised so far when one comes. */
  readonly frameMax: number;
  /** Likewise. */
  lost(): Readonly<Record<string, number>>;
  /** Whether it is no longer what it was: gone, of another MTU or MAC address, or a part of something else. */
  hasChanged(): boolean;
}

export interface BridgeOptions {
  /** Name of the interface. */
  readonly interface: string;
}

export interface Bridges {
  /** Throws a `HostError`. */
  open(options: BridgeOptions, handler: TapHandler): BridgedInterface;
}

export interface Clock {
  /** Milliseconds of a clock that never goes back. */
  now(): number;
  /** Milliseconds since 1970, UTC, for dates that people and peers read. */
  utc(): number;
}

export interface Scheduler {
  /** One call after `ms`; returns a function that cancels it. */
  after(ms: number, call: () => void): () => void;
  /** One call when the input that is already waiting has been handled, before the next wait. */
  soon(call: () => void): void;
}

export type Random = (bytes: number) => Uint8Array;

export type LogLevel = 'error' | 'warn' | 'info' | 'debug' | 'trace';

/** `message` is a constant sentence, what varies is in `fields`; secrets are in neither. */
export type Log = (level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>) => void;

/** What the host knows of the machine and of itself. */
export interface Runtime {
  /** `node`, `bun`, … */
  readonly name: string;
  readonly version: string;
  readonly pid: number;
  readonly hostName: string;
  /** Such as `Linux` and `6.1.0`. */
  readonly osName: string;
  readonly osVersion: string;
}

/**
 * One thing that is set in the machine. Each is of the network namespace that the process runs in, and of the kernel:
 * what is bound to a TAP goes with it.
 */
export type MachineChange =
  | {
      readonly kind: 'address';
      readonly tap: string;
      /** In CIDR form. */
      readonly address: string;
      /** Seconds; absent: for ever. */
      readonly validSeconds?: number;
      readonly preferredSeconds?: number;
      /** Whether the network of the address becomes a route of the main table. */
      readonly onLink: boolean;
      readonly metric?: number;
    }
  | { readonly kind: 'mtu'; readonly tap: string; readonly mtu: number }
  | {
      readonly kind: 'route';
      readonly tap: string;
      /** In CIDR form; 0.0.0.0/0 and ::/0 are the default route. */
      readonly to: string;
      readonly via?: string;
      readonly metric?: number;
      /** Absent: the main table. */
      readonly table?: number;
    }
  | {
      /** Which table is looked up (RFC 1812 knows one; Linux has many, ip-rule(8)). */
      readonly kind: 'rule';
      readonly family: 4 | 6;
      readonly priority: number;
      /** Only packets of TCP to this address and port; absent: all. */
      readonly to?: { readonly address: string; readonly port: number };
      /** `unreachable`: none, the packet goes nowhere. */
      readonly table: number | 'main' | 'main-without-default' | 'unreachable';
    }
  /** How the kernel takes router advertisements: addresses, and never routes; or not at all. */
  | { readonly kind: 'ipv6'; readonly tap: string; readonly mode: 'auto' | 'off' }
  | {
      readonly kind: 'dns';
      readonly tap: string;
      readonly servers: readonly string[];
      readonly search: readonly string[];
    }
  | {
      /** Nothing leaves but through the TAP, to these servers, and what links need to come up. */
      readonly kind: 'firewall';
      readonly tap: string;
      readonly servers: readonly string[];
      readonly port: number;
      /** Networks that are allowed besides, in CIDR form. */
      readonly lan: readonly string[];
    };

/** Changes settings of the machine, and undoes exactly what it changed: every change is written to a journal before. */
export interface Machine {
  /** False: this kernel, or this namespace, has no IPv6. */
  readonly ipv6: boolean;
  /** The number of the TAP's interface, which is nobody else's while it exists. */
  readonly index: number;
  /** Networks that the machine is attached to by other interfaces, in CIDR form. */
  networks(): readonly string[];
  /** Addresses that the kernel has given the TAP by itself, link-local ones among them. IPv6, in CIDR form. */
  ownAddresses(): readonly OwnAddress[];
  /** Makes a change; one of the same key takes the place of the earlier one. Throws a `HostError`. */
  apply(key: string, change: MachineChange): void;
  /** Undoes what `apply` did for the key. Returns what could not be undone, or was left because others changed it. */
  undo(key: string): readonly string[];
  /** Undoes everything, in reverse, and ends. What is bound to the TAP may be left to go with it. */
  end(): readonly string[];
}

export interface OwnAddress {
  /** In CIDR form. */
  readonly address: string;
  readonly linkLocal: boolean;
  /** It is still being looked whether somebody else has it. */
  readonly tentative: boolean;
  /** Seconds; absent: for ever. */
  readonly validSeconds?: number;
  readonly preferredSeconds?: number;
}

export interface Machines {
  /**
   * Undoes what processes left that are gone, in the namespaces of this process. Returns what it did, and could not do, a
   * sentence each. Throws a `HostError`.
   *
   * @param directories Where journals may be; those that are not there have none.
   */
  recover(directories: readonly string[]): readonly string[];
  /** @param directories The journal is in the first of them that can be used. Throws a `HostError`. */
  open(tap: string, directories: readonly string[]): Machine;
}

/** Everything that a host hands to the engine. */
export interface Host {
  readonly runtime: Runtime;
  /** The compiled core, as it lies beside the program. */
  readonly coreBinary: (build: 'simd' | 'scalar') => Uint8Array;
  /** The crypto module, likewise. */
  readonly cryptoBinary: (build: 'simd' | 'scalar') => Uint8Array;
  readonly network: Network;
  readonly tcp: Tcp;
  readonly certificates: Certificates;
  readonly taps: Taps;
  /** Absent where interfaces cannot be bridged. */
  readonly bridges?: Bridges;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
  /** Calls `call` with all addresses of the machine when they have changed; returns what ends that. */
  readonly watchAddresses?: (call: (addresses: readonly string[]) => void) => () => void;
  /** The machine's own settings. Absent where they cannot be changed. */
  readonly machines?: Machines;
}
