import { PackBuilder } from '../pack/builder.ts';
import type { Pack } from '../pack/pack.ts';
import { ERROR_NOT_VPN_SERVER } from './errors.ts';
import { HASH_BYTES } from './password.ts';
import { type MessageError, messageError } from './reply.ts';

/** The server's first message: `protocol/control-plane.md` §3. */
export interface Hello {
  /** Product string of the server, free text. */
  readonly server: string;
  /** Major * 100 + minor. */
  readonly version: number;
  readonly build: number;
  /** 20 bytes that the credentials on this connection are bound to. */
  readonly challenge: Uint8Array;
}

export function buildHello(hello: Hello): PackBuilder {
  if (hello.challenge.length !== HASH_BYTES) {
    throw new RangeError(`challenge: expected 20 bytes, got ${hello.challenge.length}`);
  }
  return new PackBuilder()
    .int('build', hello.build)
    .str('hello', hello.server)
    .data('random', hello.challenge)
    .int('version', hello.version);
}

export function readHello(pack: Pack): Hello | MessageError {
  const error = pack.int('error');
  if (error !== 0) return messageError(error, 'the hello is a refusal');
  const server = pack.str('hello');
  const challenge = pack.data('random');
  if (server === '') return messageError(ERROR_NOT_VPN_SERVER, 'the hello has no product string');
  if (challenge.length !== HASH_BYTES) return messageError(ERROR_NOT_VPN_SERVER, 'the challenge has not 20 bytes');
  return { server, version: pack.int('version'), build: pack.int('build'), challenge };
}
