/** Messages of DHCPv6: RFC 8415 §8 and §21, DNS options of RFC 3646. */

import { equalBytes } from '../login/password.ts';
import { formatIpv6 } from '../pack/ip-text.ts';
import { isHost6, isLinkLocal6 } from './addresses.ts';
import { domainNames } from './names.ts';

export const SOLICIT = 1;
export const ADVERTISE = 2;
export const REQUEST6 = 3;
export const CONFIRM = 4;
export const RENEW = 5;
export const REBIND = 6;
export const REPLY = 7;
export const RELEASE6 = 8;
export const INFORMATION = 11;

/** Status codes, RFC 8415 §21.13. */
export const SUCCESS = 0;
export const NO_ADDRESSES = 2;
export const NO_BINDING = 3;
export const NOT_ON_LINK = 4;

export interface Request6 {
  readonly type: number;
  /** 24 bits. */
  readonly transaction: number;
  readonly client: Uint8Array;
  /** The server's DUID, where one is meant. */
  readonly server?: Uint8Array | undefined;
  /** Hundredths of a second since the exchange began. */
  readonly elapsed: number;
  /** Absent: no address is asked for. */
  readonly association?: { readonly id: number; readonly addresses: readonly Uint8Array[] };
}

export interface Reply6 {
  readonly type: number;
  readonly transaction: number;
  readonly server: Uint8Array;
  /** 0 to 255. */
  readonly preference: number;
  readonly rapid: boolean;
  readonly status: number;
  readonly message: string;
  /** Of the association that was asked for; absent when there is none. */
  readonly association?: Association6;
  readonly dns: readonly string[];
  readonly search: readonly string[];
}

export interface Association6 {
  readonly status: number;
  /** Seconds; 0: the client decides. */
  readonly renew: number;
  readonly rebind: number;
  readonly addresses: readonly { readonly bytes: Uint8Array; readonly preferred: number; readonly valid: number }[];
}

const CLIENT_ID = 1;
const SERVER_ID = 2;
const IA_NA = 3;
const IA_ADDRESS = 5;
const ORO = 6;
const PREFERENCE = 7;
const ELAPSED = 8;
const STATUS = 13;
const RAPID = 14;
const DNS = 23;
const SEARCH = 24;
const SOL_MAX_RT = 82;
/** RFC 8415 §11.1: a DUID has 128 bytes behind its type at most. */
const DUID_MAX = 130;
const ADDRESSES_MAX = 4;
const SERVERS_MAX = 8;
const FOR_EVER = 0xffff_ffff;

export function encodeRequest6({ type, transaction, client, server, elapsed, association }: Request6): Uint8Array {
  const bytes: number[] = [type, (transaction >> 16) & 255, (transaction >> 8) & 255, transaction & 255];
  const option = (code: number, value: readonly number[]): number[] => [...u16(code), ...u16(value.length), ...value];
  bytes.push(...option(CLIENT_ID, [...client]));
  if (server !== undefined) bytes.push(...option(SERVER_ID, [...server]));
  bytes.push(...option(ELAPSED, u16(Math.min(0xffff, elapsed))));
  if (type === SOLICIT) bytes.push(...option(RAPID, []));
  if (type !== RELEASE6 && type !== CONFIRM) bytes.push(...option(ORO, [DNS, SEARCH, SOL_MAX_RT].flatMap(u16)));
  if (association !== undefined) {
    const held = association.addresses.flatMap((address) => option(IA_ADDRESS, [...address, ...u32(0), ...u32(0)]));
    bytes.push(...option(IA_NA, [...u32(association.id), ...u32(0), ...u32(0), ...held]));
  }
  return Uint8Array.from(bytes);
}

/** Undefined when it is no message of a server for this client, or not whole (RFC 8415 §16). */
export function decodeReply6(bytes: Uint8Array, client: Uint8Array, associationId: number): Reply6 | undefined {
  if (bytes.length < 4 || (bytes[0] !== ADVERTISE && bytes[0] !== REPLY)) return undefined;
  const options = readOptions(bytes.subarray(4));
  if (options === undefined) return undefined;
  const server = options.find(({ code }) => code === SERVER_ID)?.value;
  const owner = options.find(({ code }) => code === CLIENT_ID)?.value;
  if (server === undefined || server.length < 3 || server.length > DUID_MAX) return undefined;
  if (owner === undefined || !equalBytes(owner, client)) return undefined;
  const status = statusOf(options);
  if (status === undefined) return undefined;
  const preference = options.find(({ code, value }) => code === PREFERENCE && value.length === 1)?.value[0] ?? 0;
  const association = associationOf(options, associationId);
  if (association === 'broken') return undefined;
  return {
    type: bytes[0],
    transaction: (bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!,
    server: server.slice(),
    preference,
    rapid: options.some(({ code }) => code === RAPID),
    ...status,
    ...(association === undefined ? {} : { association }),
    dns: serversOf(options.find(({ code }) => code === DNS)?.value),
    search: domainNames(options.find(({ code }) => code === SEARCH)?.value ?? new Uint8Array(0), false),
  };
}

interface Option {
  readonly code: number;
  readonly value: Uint8Array;
}

function readOptions(bytes: Uint8Array): Option[] | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const options: Option[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (at + 4 > bytes.length) return undefined;
    const length = view.getUint16(at + 2);
    if (at + 4 + length > bytes.length) return undefined;
    options.push({ code: view.getUint16(at), value: bytes.subarray(at + 4, at + 4 + length) });
    at += 4 + length;
  }
  return options;
}

function associationOf(options: readonly Option[], id: number): Association6 | 'broken' | undefined {
  for (const { code, value } of options) {
    if (code !== IA_NA || value.length < 12) continue;
    const view = new DataView(value.buffer, value.byteOffset, value.length);
    if (view.getUint32(0) !== id) continue;
    const inner = readOptions(value.subarray(12));
    const status = inner === undefined ? undefined : statusOf(inner);
    if (inner === undefined || status === undefined) return 'broken';
    const [renew, rebind] = [seconds(view.getUint32(4)), seconds(view.getUint32(8))];
    // RFC 8415 §21.4: such an association is to be passed over.
    if (renew > rebind && rebind > 0) continue;
    return { status: status.status, renew, rebind, addresses: inner.flatMap(leased).slice(0, ADDRESSES_MAX) };
  }
  return undefined;
}

function leased({ code, value }: Option): Association6['addresses'] {
  if (code !== IA_ADDRESS || value.length < 24) return [];
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  const [preferred, valid] = [seconds(view.getUint32(16)), seconds(view.getUint32(20))];
  const bytes = value.slice(0, 16);
  const status = statusOf(readOptions(value.subarray(24)) ?? []);
  // RFC 8415 §21.6: longer preferred than valid is no lease.
  if (preferred > valid || !isHost6(bytes) || isLinkLocal6(bytes) || status?.status !== SUCCESS) return [];
  return [{ bytes, preferred, valid }];
}

/** Without the option all is well; undefined when it is too short. */
function statusOf(options: readonly Option[]): { status: number; message: string } | undefined {
  const value = options.find(({ code }) => code === STATUS)?.value;
  if (value === undefined) return { status: SUCCESS, message: '' };
  if (value.length < 2) return undefined;
  const message = String.fromCharCode(...value.subarray(2, 258)).replace(/[^ -~]+/g, '');
  return { status: value[0]! * 256 + value[1]!, message };
}

function serversOf(value: Uint8Array | undefined): string[] {
  if (value === undefined || value.length % 16 !== 0) return [];
  const servers: string[] = [];
  for (let at = 0; at < value.length && servers.length < SERVERS_MAX; at += 16) {
    const address = value.subarray(at, at + 16);
    if (isHost6(address) && !isLinkLocal6(address)) servers.push(formatIpv6(address));
  }
  return servers;
}

function seconds(value: number): number {
  return value === FOR_EVER ? Number.POSITIVE_INFINITY : value;
}

function u16(value: number): number[] {
  return [value >> 8, value & 255];
}

function u32(value: number): number[] {
  return [(value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}
