import type { Random } from '../host.ts';
import { httpDate } from '../http/date.ts';
import type { HttpHead } from '../http/head.ts';
import { KEEP_ALIVE, writeMessage } from '../http/write.ts';
import type { PackBuilder } from '../pack/builder.ts';
import { encodePack } from '../pack/encode.ts';
import { MAX_REQUEST_PACK_BYTES, MAX_RESPONSE_PACK_BYTES } from '../pack/limits.ts';
import { utf8 } from '../pack/text.ts';

/** How signatures and Packs travel in HTTP: `protocol/control-plane.md` §1.4 and §1.5. */

/** Compared without regard to case. */
export const SIGNATURE_TARGET = '/vpnsvc/connect.cgi';
export const PACK_TARGET = '/vpnsvc/vpn.cgi';

/** The short signature, which all servers since 2014 accept. */
export const SIGNATURE = utf8('VPNCONNECT');

/** The long one is a GIF of a fixed size with 0 to 2000 random bytes behind it. */
export const IMAGE_BYTES = 1411;
export const MAX_IMAGE_SIGNATURE_BYTES = 3411;
const IMAGE_START = utf8('GIF89a');

/** What a waiting client sends so that the server does not give up, and how often at most. */
export const NOOP = 1;
export const NOOP_IGNORE = 2;
export const MAX_NOOPS = 30;

const PACK_TYPE = 'application/octet-stream';

/** Whether a body of that length can be a signature. */
export function isSignatureLength(length: number | undefined): length is number {
  if (length === undefined) return false;
  return length === SIGNATURE.length || (length >= IMAGE_BYTES && length <= MAX_IMAGE_SIGNATURE_BYTES);
}

/**
 * Whether a body whose length was accepted is a signature. The image itself is not compared: the lenient rule that
 * §1.4 allows needs neither a copy of it nor its hash, and the signature proves nothing anyway.
 */
export function isSignature(body: Uint8Array): boolean {
  const expected = body.length === SIGNATURE.length ? SIGNATURE : IMAGE_START;
  return expected.every((byte, index) => body[index] === byte);
}

/** The length of the Pack in a request, or undefined when the request is not as §1.5 wants it. */
export function packRequestLength(head: HttpHead): number | undefined {
  const [method, target, version] = head.first;
  if (method !== 'POST' || target.toLowerCase() !== PACK_TARGET || version !== 'HTTP/1.1') return undefined;
  return packLength(head, MAX_REQUEST_PACK_BYTES);
}

/** The length of the Pack in a response, or undefined when the response is not as §1.5 wants it. */
export function packResponseLength(head: HttpHead): number | undefined {
  const [version, status] = head.first;
  if (version !== 'HTTP/1.1' || status !== '200') return undefined;
  return packLength(head, MAX_RESPONSE_PACK_BYTES);
}

/** @param host The peer's address, IPv4 or IPv6. */
export function writeSignature(host: string): Uint8Array {
  return writeMessage({
    firstLine: `POST ${SIGNATURE_TARGET} HTTP/1.1`,
    headers: [
      ['Connection', 'Keep-Alive'],
      ['Content-Length', String(SIGNATURE.length)],
      ['Content-Type', 'image/jpeg'],
      ['Host', hostHeader(host)],
    ],
    body: SIGNATURE,
  });
}

/**
 * A Pack as a request. The copy of it that is made on the way is wiped.
 *
 * @param utc Milliseconds since 1970 UTC.
 */
export function writePackRequest(builder: PackBuilder, host: string, random: Random, utc: number): Uint8Array {
  const body = withPencore(builder, random);
  if (body.length > MAX_REQUEST_PACK_BYTES) {
    throw new RangeError(`builder: expected a Pack of at most ${MAX_REQUEST_PACK_BYTES} bytes, got ${body.length}`);
  }
  const bytes = writeMessage({
    firstLine: `POST ${PACK_TARGET} HTTP/1.1`,
    headers: [
      ['Connection', 'Keep-Alive'],
      ['Content-Length', String(body.length)],
      ['Content-Type', PACK_TYPE],
      ['Date', httpDate(utc)],
      ['Host', hostHeader(host)],
      ['Keep-Alive', KEEP_ALIVE],
    ],
    body,
  });
  body.fill(0);
  return bytes;
}

/** @param utc Milliseconds since 1970 UTC. */
export function writePackResponse(builder: PackBuilder, random: Random, utc: number): Uint8Array {
  const body = withPencore(builder, random);
  return writeMessage({
    firstLine: 'HTTP/1.1 200 OK',
    headers: [
      ['Connection', 'Keep-Alive'],
      ['Content-Length', String(body.length)],
      ['Content-Type', PACK_TYPE],
      ['Date', httpDate(utc)],
      ['Keep-Alive', KEEP_ALIVE],
    ],
    body,
  });
}

/** Every Pack over HTTP carries 0 to 999 random bytes, so that its length says less. */
function withPencore(builder: PackBuilder, random: Random): Uint8Array {
  const [high, low] = random(2);
  return encodePack(builder.data('pencore', random((high! * 0x100 + low!) % 1000)).build());
}

function packLength(head: HttpHead, most: number): number | undefined {
  // The type has to be there without parameters.
  if (head.headers.get('content-type')?.toLowerCase() !== PACK_TYPE) return undefined;
  const length = head.contentLength;
  return length !== undefined && length >= 1 && length <= most ? length : undefined;
}

function hostHeader(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}
