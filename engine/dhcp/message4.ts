/** Messages of DHCP for IPv4: RFC 2131 §2, options of RFC 2132, RFC 3397 and RFC 3442. */

import { formatIpv4 } from '../pack/ip-text.ts';
import { classPrefix, isHost4, isHostOf, maskPrefix, network } from './addresses.ts';
import { domainName, domainNames } from './names.ts';

export const DISCOVER = 1;
export const OFFER = 2;
export const REQUEST = 3;
export const DECLINE = 4;
export const ACK = 5;
export const NAK = 6;
export const RELEASE = 7;

export interface Request4 {
  readonly type: number;
  readonly transaction: number;
  /** Seconds since the client began to ask. */
  readonly seconds: number;
  /** Six bytes. */
  readonly mac: Uint8Array;
  /** Four bytes: the client's own, once it has it. */
  readonly client?: Uint8Array | undefined;
  readonly requested?: Uint8Array | undefined;
  readonly server?: Uint8Array | undefined;
  readonly hostName?: string | undefined;
}

/** What a server said. Everything in it has been checked. */
export interface Reply4 {
  readonly type: number;
  readonly transaction: number;
  readonly mac: Uint8Array;
  /** Four bytes. */
  readonly address: Uint8Array;
  /** The server's identifier. */
  readonly server: Uint8Array | undefined;
  readonly settings: Settings4;
}

/** What comes with an address. */
export interface Settings4 {
  readonly prefix: number;
  readonly routers: readonly string[];
  readonly dns: readonly string[];
  readonly domain?: string;
  readonly search: readonly string[];
  readonly mtu?: number;
  /** RFC 3442; where there are any the routers do not count. `via` is absent for what is on the link. */
  readonly routes: readonly Route4[];
  /** Seconds; Infinity: for ever. Absent in answers that lease nothing. */
  readonly lease?: number;
  readonly renew?: number;
  readonly rebind?: number;
  /** Why the server refuses. */
  readonly message?: string;
}

export interface Route4 {
  readonly to: string;
  readonly via?: string;
}

const FIXED_BYTES = 236;
const COOKIE = [99, 130, 83, 99];
/** RFC 2131 §2: what every client takes, less the headers. */
const LEAST_BYTES = 300;
const SNAME = 44;
const FILE = 108;
/** Of one list. */
const ADDRESSES_MAX = 8;
const ROUTES_MAX = 64;
/** RFC 791 §3.2; more does not fit an Ethernet frame of any kind. */
const MTU_MIN = 576;
const MTU_MAX = 65_521;
const FOR_EVER = 0xffff_ffff;
/** What nobody can keep up with is no lease. */
const LEASE_MIN_SECONDS = 5;

const MASK = 1;
const ROUTER = 3;
const DNS = 6;
const HOST_NAME = 12;
const DOMAIN = 15;
const MTU = 26;
const REQUESTED = 50;
const LEASE = 51;
const OVERLOAD = 52;
const TYPE = 53;
const SERVER = 54;
const WANTED = 55;
const MESSAGE = 56;
const MAX_SIZE = 57;
const RENEW = 58;
const REBIND = 59;
const CLIENT = 61;
const SEARCH = 119;
const CLASSLESS = 121;

/** RFC 3442: classless routes in front of routers. */
const ASKED_FOR = [MASK, CLASSLESS, ROUTER, DNS, DOMAIN, MTU, SEARCH, LEASE, RENEW, REBIND];

export function encodeRequest4(request: Request4): Uint8Array {
  const { type, mac, client, requested, server, hostName } = request;
  const options: number[] = [...COOKIE, TYPE, 1, type, CLIENT, 7, 1, ...mac];
  if (requested !== undefined) options.push(REQUESTED, 4, ...requested);
  if (server !== undefined) options.push(SERVER, 4, ...server);
  if (type === DISCOVER || type === REQUEST) {
    options.push(MAX_SIZE, 2, 1472 >> 8, 1472 & 255, WANTED, ASKED_FOR.length, ...ASKED_FOR);
    // Only the first label: the domain is the server's to say.
    const label = hostName === undefined ? undefined : domainName(hostName.split('.')[0]!);
    if (label !== undefined) options.push(HOST_NAME, label.length, ...new TextEncoder().encode(label));
  }
  options.push(255);
  const bytes = new Uint8Array(Math.max(LEAST_BYTES, FIXED_BYTES + options.length));
  const view = new DataView(bytes.buffer);
  bytes.set([1, 1, 6, 0]);
  view.setUint32(4, request.transaction);
  view.setUint16(8, Math.min(0xffff, request.seconds));
  if (client !== undefined) bytes.set(client, 12);
  bytes.set(mac, 28);
  bytes.set(options, FIXED_BYTES);
  return bytes;
}

/** Undefined when it is no answer of a server, or not one that can be trusted to be whole. */
export function decodeReply4(bytes: Uint8Array): Reply4 | undefined {
  if (bytes.length < FIXED_BYTES + COOKIE.length) return undefined;
  // BOOTREPLY, Ethernet.
  if (bytes[0] !== 2 || bytes[1] !== 1 || bytes[2] !== 6) return undefined;
  if (COOKIE.some((byte, index) => bytes[FIXED_BYTES + index] !== byte)) return undefined;
  const options = readOptions(bytes);
  const type = options?.get(TYPE);
  if (options === undefined || type?.length !== 1) return undefined;
  const address = bytes.slice(16, 20);
  return {
    type: type[0]!,
    transaction: new DataView(bytes.buffer, bytes.byteOffset).getUint32(4),
    mac: bytes.slice(28, 34),
    address,
    server: addressOf(options.get(SERVER)),
    settings: settingsOf(options, address),
  };
}

/** What is said more than once is put together (RFC 3396); undefined when one does not fit. */
function readOptions(bytes: Uint8Array): Map<number, Uint8Array> | undefined {
  const found = new Map<number, number[]>();
  if (!readArea(bytes.subarray(FIXED_BYTES + COOKIE.length), found)) return undefined;
  const overload = found.get(OVERLOAD)?.[0] ?? 0;
  if ((overload & 1) !== 0 && !readArea(bytes.subarray(FILE, FIXED_BYTES), found)) return undefined;
  if ((overload & 2) !== 0 && !readArea(bytes.subarray(SNAME, FILE), found)) return undefined;
  return new Map([...found].map(([code, value]) => [code, Uint8Array.from(value)]));
}

function readArea(area: Uint8Array, found: Map<number, number[]>): boolean {
  for (let at = 0; at < area.length; ) {
    const code = area[at]!;
    if (code === 255) return true;
    if (code === 0) {
      at++;
      continue;
    }
    const length = area[at + 1];
    if (length === undefined || at + 2 + length > area.length) return false;
    const value = area.subarray(at + 2, at + 2 + length);
    const before = found.get(code);
    if (before === undefined) found.set(code, [...value]);
    else before.push(...value);
    at += 2 + length;
  }
  return true;
}

function settingsOf(options: ReadonlyMap<number, Uint8Array>, address: Uint8Array): Settings4 {
  const mask = maskPrefix(options.get(MASK) ?? new Uint8Array(0));
  const domain = domainName(text(options.get(DOMAIN)));
  const mtu = numberOf(options.get(MTU), 2);
  const lease = seconds(options.get(LEASE));
  const renew = seconds(options.get(RENEW));
  const rebind = seconds(options.get(REBIND));
  const message = text(options.get(MESSAGE));
  return {
    prefix: mask === undefined || mask === 0 || !isHostOf(address, mask) ? fallback(address, mask) : mask,
    routers: addressesOf(options.get(ROUTER)),
    dns: addressesOf(options.get(DNS)),
    search: domainNames(options.get(SEARCH) ?? new Uint8Array(0), true),
    routes: routesOf(options.get(CLASSLESS)),
    ...(domain === undefined ? {} : { domain }),
    ...(mtu === undefined || mtu < MTU_MIN || mtu > MTU_MAX ? {} : { mtu }),
    ...(lease === undefined ? {} : { lease: Math.max(lease, LEASE_MIN_SECONDS) }),
    ...(renew === undefined ? {} : { renew }),
    ...(rebind === undefined ? {} : { rebind }),
    ...(message === '' ? {} : { message }),
  };
}

/** An address that its mask makes no host of stands alone. */
function fallback(address: Uint8Array, mask: number | undefined): number {
  if (mask !== undefined && mask !== 0) return 32;
  const prefix = classPrefix(address);
  return isHostOf(address, prefix) ? prefix : 32;
}

function addressOf(value: Uint8Array | undefined): Uint8Array | undefined {
  return value?.length === 4 && isHost4(value) ? value : undefined;
}

function addressesOf(value: Uint8Array | undefined): string[] {
  if (value === undefined || value.length % 4 !== 0) return [];
  const found = new Set<string>();
  for (let at = 0; at < value.length && found.size < ADDRESSES_MAX; at += 4) {
    const address = value.subarray(at, at + 4);
    if (isHost4(address)) found.add(formatIpv4(address));
  }
  return [...found];
}

/** All of them, or none when one is broken: RFC 3442, "Classless Route Option Format". */
function routesOf(value: Uint8Array | undefined): Route4[] {
  const routes: Route4[] = [];
  if (value === undefined) return routes;
  for (let at = 0; at < value.length; ) {
    const prefix = value[at]!;
    const significant = Math.ceil(prefix / 8);
    if (prefix > 32 || at + 1 + significant + 4 > value.length || routes.length >= ROUTES_MAX) return [];
    const destination = new Uint8Array(4);
    destination.set(value.subarray(at + 1, at + 1 + significant));
    const via = value.subarray(at + 1 + significant, at + 5 + significant);
    const onLink = via.every((byte) => byte === 0);
    if (!onLink && !isHost4(via)) return [];
    at += 5 + significant;
    // Loopback and groups are never anybody's behind a router.
    if (prefix > 0 && !isHost4(destination) && destination[0] !== 0) continue;
    routes.push({ to: network(destination, prefix), ...(onLink ? {} : { via: formatIpv4(via) }) });
  }
  return routes;
}

function numberOf(value: Uint8Array | undefined, bytes: number): number | undefined {
  return value?.length === bytes ? value.reduce((sum, byte) => sum * 256 + byte, 0) : undefined;
}

function seconds(value: Uint8Array | undefined): number | undefined {
  const found = numberOf(value, 4);
  return found === FOR_EVER ? Number.POSITIVE_INFINITY : found;
}

/** Printable ASCII; some servers end it with a NUL. */
function text(value: Uint8Array | undefined): string {
  return String.fromCharCode(...(value ?? []).slice(0, 255)).replace(/[^ -~]+/g, '');
}
