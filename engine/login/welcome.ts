import type { Random } from '../host.ts';
import { PackBuilder } from '../pack/builder.ts';
import type { Pack } from '../pack/pack.ts';
import { fromUtf8, utf8 } from '../pack/text.ts';
import { ERROR_PROTOCOL } from './errors.ts';
import { type Extensions, getExtensions, putExtensions } from './extensions.ts';
import { HASH_BYTES } from './password.ts';
import { getPolicy, type Policy, putPolicy } from './policy.ts';
import { type MessageError, messageError } from './reply.ts';

/** What a server grants: `protocol/control-plane.md` §5. */
export interface WelcomeParams {
  /** `SID-` + user in upper case + `-` + counter of the hub; not empty. */
  readonly sessionName: string;
  /** `CID-` + counter of the server; not empty. */
  readonly connectionName: string;
  /** 20 random bytes with which further connections join the session. */
  readonly sessionKey: Uint8Array;
  /** Random; only an obsolete mode used it. */
  readonly sessionKey32: number;
  readonly maxConnection: number;
  readonly useEncrypt: boolean;
  readonly useCompress: boolean;
  readonly halfConnection: boolean;
  readonly qos: boolean;
  /** Milliseconds of silence after which a connection and then the session ends, 5000 to 60000. */
  readonly timeoutMs: number;
  /** 0 when there is none. */
  readonly vlanId: number;
  /** Text for the user, empty for none. */
  readonly message: string;
  /** The effective policy. */
  readonly policy: Policy;
  readonly extensions: Extensions;
}

/** A server's answer to a login as a client reads it. */
export type Welcome = WelcomeParams;

/** Real peers divide by parts of the time-out: §13.15. */
export const MIN_TIMEOUT_MS = 5_000;
export const MAX_TIMEOUT_MS = 60_000;

/** What a client assumes when a welcome has no time-out; it is the policy's default (§5.1). */
export const DEFAULT_TIMEOUT_MS = 20_000;

/** Fresh keys for one session. */
export function sessionKeys(random: Random): Pick<WelcomeParams, 'sessionKey' | 'sessionKey32'> {
  const bytes = random(HASH_BYTES + 4);
  return {
    sessionKey: bytes.slice(0, HASH_BYTES),
    sessionKey32: new DataView(bytes.buffer, bytes.byteOffset).getUint32(HASH_BYTES),
  };
}

/** Throws a `RangeError` for a key that has not 20 bytes, for empty names and for a time-out out of range. */
export function buildWelcome(welcome: WelcomeParams): PackBuilder {
  check(welcome);
  const builder = new PackBuilder()
    .str('connection_name', welcome.connectionName)
    .int('enable_udp_recovery', 0)
    .bool('half_connection', welcome.halfConnection)
    .int('is_azure_session', 0)
    .int('max_connection', welcome.maxConnection)
    .data('Msg', utf8(welcome.message));
  putPolicy(builder, welcome.policy)
    .bool('qos', welcome.qos)
    .data('session_key', welcome.sessionKey)
    .int('session_key_32', welcome.sessionKey32)
    .str('session_name', welcome.sessionName)
    .int('suppress_client_update_notification', 0)
    .int('timeout', welcome.timeoutMs)
    .bool('use_compress', welcome.useCompress)
    .bool('use_encrypt', welcome.useEncrypt)
    .int('vlan_id', welcome.vlanId);
  return putExtensions(builder, welcome.extensions);
}

/** Reads an answer without `error` and without `Redirect`. What is absent reads as 0; names and key are required. */
export function readWelcome(pack: Pack): Welcome | MessageError {
  const sessionName = pack.str('session_name');
  const connectionName = pack.str('connection_name');
  const sessionKey = pack.data('session_key');
  if (sessionName === '') return messageError(ERROR_PROTOCOL, 'the welcome names no session');
  if (connectionName === '') return messageError(ERROR_PROTOCOL, 'the welcome names no connection');
  if (sessionKey.length !== HASH_BYTES) return messageError(ERROR_PROTOCOL, 'the session key has not 20 bytes');
  return {
    sessionName,
    connectionName,
    sessionKey,
    sessionKey32: pack.int('session_key_32'),
    maxConnection: pack.int('max_connection'),
    useEncrypt: pack.bool('use_encrypt'),
    useCompress: pack.bool('use_compress'),
    halfConnection: pack.bool('half_connection'),
    qos: pack.bool('qos'),
    timeoutMs: Math.min(Math.max(pack.int('timeout') || DEFAULT_TIMEOUT_MS, MIN_TIMEOUT_MS), MAX_TIMEOUT_MS),
    vlanId: pack.int('vlan_id'),
    message: fromUtf8(pack.data('Msg')),
    policy: getPolicy(pack),
    extensions: getExtensions(pack),
  };
}

function check(welcome: WelcomeParams): void {
  const { sessionKey, sessionName, connectionName, timeoutMs } = welcome;
  if (sessionKey.length !== HASH_BYTES) throw new RangeError(`sessionKey: expected 20 bytes, got ${sessionKey.length}`);
  if (sessionName.trim() === '') throw new RangeError('sessionName: expected a name, got none');
  if (connectionName.trim() === '') throw new RangeError('connectionName: expected a name, got none');
  if (!(timeoutMs >= MIN_TIMEOUT_MS && timeoutMs <= MAX_TIMEOUT_MS)) {
    throw new RangeError(`timeoutMs: expected 5000 to 60000, got ${timeoutMs}`);
  }
}
