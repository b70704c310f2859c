import { PackBuilder } from '../pack/builder.ts';
import type { Pack } from '../pack/pack.ts';
import { type Credential, getCredential, putCredential } from './credential.ts';
import { ERROR_PROTOCOL } from './errors.ts';
import { type Extensions, getExtensions, putExtensions } from './extensions.ts';
import { getNodeInfo, type NodeInfo, putNodeInfo } from './node-info.ts';
import { getOsInfo, type OsInfo, putOsInfo } from './os-info.ts';
import { type MessageError, messageError } from './reply.ts';

/** What a client wants of its session: `protocol/control-plane.md` §4.1. */
export interface SessionWishes {
  /** TCP connections, 1 to 32. */
  readonly maxConnection: number;
  /** False: the tunnel leaves TLS after the login (§8.4). */
  readonly useEncrypt: boolean;
  readonly useCompress: boolean;
  readonly halfConnection: boolean;
  readonly qos: boolean;
  /** Bridge or router mode (§9). */
  readonly bridgeMode: boolean;
  readonly monitorMode: boolean;
}

/** A login, method `login`: `protocol/control-plane.md` §4. */
export interface LoginRequest extends SessionWishes {
  /** Case-insensitive, not empty. */
  readonly hubName: string;
  /** Case-insensitive, not empty. */
  readonly userName: string;
  readonly credential: Credential;
  /** `client_str`; with "server" or "bridge" in it the client asks for bridge mode as well. */
  readonly clientName: string;
  readonly clientVersion: number;
  readonly clientBuild: number;
  /** `hello`, the name for logs and for the version rules of §4.6. */
  readonly displayName: string;
  readonly clientId: number;
  /** 20 bytes that stand for the client's host, or none. */
  readonly uniqueId: Uint8Array;
  readonly nodeInfo?: NodeInfo | undefined;
  readonly osInfo?: OsInfo | undefined;
  readonly extensions: Extensions;
}

/** What stands in `displayName` when a client sent no `hello`: §4.1. */
export const UNKNOWN_CLIENT = 'Unknown';

/** TCP connections of one session: §0. */
export const MAX_CONNECTIONS = 32;

/** Characters of the name of a hub or a user: §9. What a peer calls itself is cut to as many. */
export const MAX_NAME = 255;

export function buildLogin(request: LoginRequest): PackBuilder {
  const builder = new PackBuilder()
    .str('method', 'login')
    .str('hubname', request.hubName)
    .str('username', request.userName);
  putCredential(builder, request.credential)
    .str('client_str', request.clientName)
    .int('client_ver', request.clientVersion)
    .int('client_build', request.clientBuild)
    .int('protocol', 0)
    .str('hello', request.displayName)
    .int('version', request.clientVersion)
    .int('build', request.clientBuild)
    .int('client_id', request.clientId)
    .int('max_connection', request.maxConnection)
    .bool('use_encrypt', request.useEncrypt)
    .bool('use_compress', request.useCompress)
    .bool('half_connection', request.halfConnection)
    .bool('require_bridge_routing_mode', request.bridgeMode)
    .bool('require_monitor_mode', request.monitorMode)
    .bool('qos', request.qos)
    .data('unique_id', request.uniqueId);
  if (request.nodeInfo !== undefined) putNodeInfo(builder, request.nodeInfo);
  if (request.osInfo !== undefined) putOsInfo(builder, request.osInfo);
  return putExtensions(builder, request.extensions);
}

/**
 * Reads a Pack whose method is `login`. The elements that it must have are `hubname` and `username` (else 4), of a
 * length that names can have (else 4), and a client that reports an `error` is answered with the same one.
 */
export function readLogin(pack: Pack): LoginRequest | MessageError {
  const error = pack.int('error');
  if (error !== 0) return messageError(error, 'the login reports an error');
  const hubName = pack.str('hubname');
  const userName = pack.str('username');
  if (hubName === '') return messageError(ERROR_PROTOCOL, 'the login names no hub');
  if (userName === '') return messageError(ERROR_PROTOCOL, 'the login names no user');
  // They are hashed and logged: a name may not cost more than a name is worth.
  if (hubName.length > MAX_NAME)
    return messageError(ERROR_PROTOCOL, `the hub's name has more than ${MAX_NAME} characters`);
  if (userName.length > MAX_NAME) {
    return messageError(ERROR_PROTOCOL, `the user's name has more than ${MAX_NAME} characters`);
  }
  const clientName = pack.str('client_str');
  return {
    hubName,
    userName,
    credential: getCredential(pack),
    clientName,
    clientVersion: pack.int('client_ver'),
    clientBuild: pack.int('client_build'),
    displayName: pack.str('hello').slice(0, MAX_NAME) || UNKNOWN_CLIENT,
    clientId: pack.int('client_id'),
    uniqueId: pack.data('unique_id'),
    maxConnection: Math.min(Math.max(pack.int('max_connection'), 1), MAX_CONNECTIONS),
    useEncrypt: pack.bool('use_encrypt'),
    useCompress: pack.bool('use_compress'),
    halfConnection: pack.bool('half_connection'),
    qos: pack.bool('qos'),
    bridgeMode: pack.bool('require_bridge_routing_mode') || asksForBridge(clientName),
    monitorMode: pack.bool('require_monitor_mode'),
    nodeInfo: getNodeInfo(pack),
    osInfo: getOsInfo(pack),
    extensions: getExtensions(pack),
  };
}

/** Whether a `client_str` asks for bridge mode by itself: §9. */
export function asksForBridge(clientName: string): boolean {
  return /server|bridge/i.test(clientName);
}
