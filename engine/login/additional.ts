import { PackBuilder } from '../pack/builder.ts';
import type { Pack } from '../pack/pack.ts';
import { ERROR_PROTOCOL } from './errors.ts';
import { HASH_BYTES } from './password.ts';
import { type MessageError, messageError } from './reply.ts';

/** A further TCP connection of a session, method `additional_connect`: `protocol/control-plane.md` §6. */
export interface AdditionalRequest {
  /** 20 bytes from the welcome. */
  readonly sessionKey: Uint8Array;
  readonly clientName: string;
  readonly clientVersion: number;
  readonly clientBuild: number;
}

/** Which way frames go on a connection: 0 both, 1 server to client, 2 client to server. */
export type Direction = 0 | 1 | 2;

export function buildAdditional(request: AdditionalRequest): PackBuilder {
  if (request.sessionKey.length !== HASH_BYTES) {
    throw new RangeError(`sessionKey: expected 20 bytes, got ${request.sessionKey.length}`);
  }
  return new PackBuilder()
    .str('method', 'additional_connect')
    .data('session_key', request.sessionKey)
    .str('client_str', request.clientName)
    .int('client_ver', request.clientVersion)
    .int('client_build', request.clientBuild);
}

/** Reads a Pack whose method is `additional_connect`; a malformed key is answered with 4. */
export function readAdditional(pack: Pack): AdditionalRequest | MessageError {
  const sessionKey = pack.data('session_key');
  if (sessionKey.length !== HASH_BYTES) return messageError(ERROR_PROTOCOL, 'the session key has not 20 bytes');
  return {
    sessionKey,
    clientName: pack.str('client_str'),
    clientVersion: pack.int('client_ver'),
    clientBuild: pack.int('client_build'),
  };
}

export function buildAdditionalReply(direction: Direction): PackBuilder {
  return new PackBuilder().int('direction', direction).int('error', 0);
}

/** Reads an answer without `error`. An absent direction is 0. */
export function readAdditionalReply(pack: Pack): { readonly direction: Direction } | MessageError {
  const direction = pack.int('direction');
  if (direction === 0 || direction === 1 || direction === 2) return { direction };
  return messageError(ERROR_PROTOCOL, `the direction is ${direction}`);
}
