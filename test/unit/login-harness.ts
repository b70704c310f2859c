import type { Address } from '../../engine/host.ts';
import type { Direction } from '../../engine/login/additional.ts';
import { authenticate, type UserRecord } from '../../engine/login/authenticate.ts';
import type { Authority, Peer } from '../../engine/login/authority.ts';
import type { ClientLogin } from '../../engine/login/client-login.ts';
import { type ClientAttach, ClientPreamble } from '../../engine/login/client-preamble.ts';
import { NO_EXTENSIONS } from '../../engine/login/extensions.ts';
import type { LoginRequest } from '../../engine/login/login-request.ts';
import { hashedPassword } from '../../engine/login/password.ts';
import { DEFAULT_POLICY } from '../../engine/login/policy.ts';
import { ServerPreamble } from '../../engine/login/server-preamble.ts';
import { sessionKeys, type WelcomeParams } from '../../engine/login/welcome.ts';
import { decodePack } from '../../engine/pack/decode.ts';
import type { Pack } from '../../engine/pack/pack.ts';
import { PRODUCT } from '../../engine/product.ts';
import { sha0 } from '../support/sha0.ts';

export const CLIENT_ADDRESS: Address = { address: '192.0.2.10', port: 50_000 };
export const SERVER_ADDRESS: Address = { address: '198.51.100.1', port: 443 };
export const UTC = Date.UTC(2026, 10, 22, 17, 38, 34);

/** Different bytes at every call, the same in every run. */
export function seeded(seed: number): (bytes: number) => Uint8Array {
  let state = seed;
  return (bytes) =>
    Uint8Array.from({ length: bytes }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state >>> 24;
    });
}

/** One hub with the users alice (password alicepw) and guest (anonymous), and one session to attach to. */
export class OneHub implements Authority<string, string> {
  readonly logins: { request: LoginRequest; peer: Peer }[] = [];
  readonly sessionKey = new Uint8Array(20).fill(0x5a);
  direction: Direction = 1;
  full = false;
  readonly #users = new Map<string, UserRecord>([
    ['guest', { kind: 'anonymous' }],
    ['alice', { kind: 'password', hash: hashedPassword(sha0, utf8('alicepw'), 'alice') }],
  ]);

  login(request: LoginRequest, challenge: Uint8Array, peer: Peer) {
    this.logins.push({ request, peer });
    if (request.hubName.toLowerCase() !== 'testhub') return { ok: false, code: 8 } as const;
    const code = authenticate(sha0, this.#users.get(request.userName.toLowerCase()), request, challenge);
    if (code !== 0) return { ok: false, code } as const;
    return { ok: true, grant: { ...welcome(), ...request, token: 'session token' } } as const;
  }

  attach(sessionKey: Uint8Array) {
    if (!sessionKey.every((byte, index) => byte === this.sessionKey[index])) return { ok: false, code: 13 } as const;
    if (this.full) return { ok: false, code: 15 } as const;
    return { ok: true, direction: this.direction, token: 'connection token' } as const;
  }

  hubNames() {
    return ['TESTHUB', 'OTHER'];
  }
}

export function welcome(): WelcomeParams {
  return {
    sessionName: 'SID-ALICE-1',
    connectionName: 'CID-2',
    ...sessionKeys(seeded(7)),
    maxConnection: 8,
    useEncrypt: true,
    useCompress: false,
    halfConnection: false,
    qos: false,
    timeoutMs: 20_000,
    vlanId: 0,
    message: 'Grüß Gott',
    policy: DEFAULT_POLICY,
    extensions: NO_EXTENSIONS,
  };
}

export function login(change: Partial<ClientLogin> = {}): ClientLogin {
  return {
    kind: 'login',
    hubName: 'TESTHUB',
    userName: 'alice',
    credential: { kind: 'password', password: utf8('alicepw') },
    wishes: {
      maxConnection: 8,
      useEncrypt: true,
      useCompress: false,
      halfConnection: false,
      qos: true,
      bridgeMode: false,
      monitorMode: false,
    },
    cascade: false,
    uniqueId: new Uint8Array(20).fill(0x11),
    extensions: NO_EXTENSIONS,
    ...change,
  };
}

export function makeServer(
  authority: Authority<string, string> = new OneHub(),
  now = 0,
  random = seeded(1),
): ServerPreamble<string, string> {
  return new ServerPreamble(
    { random, utc: () => UTC, product: PRODUCT, authority, remote: CLIENT_ADDRESS, local: SERVER_ADDRESS },
    now,
  );
}

export function makeClient(
  purpose: ClientLogin | ClientAttach = login(),
  now = 0,
  remote = SERVER_ADDRESS,
): ClientPreamble {
  return new ClientPreamble(
    {
      random: seeded(2),
      sha0,
      utc: () => UTC,
      product: PRODUCT,
      remote,
      local: CLIENT_ADDRESS,
      purpose,
    },
    now,
  );
}

/** Carries bytes both ways, in pieces of `size`, until nobody has anything to say. */
export function talk(
  client: ClientPreamble,
  server: ServerPreamble<string, string>,
  size = Number.POSITIVE_INFINITY,
): void {
  for (let moved = true; moved; ) {
    moved = deliver(drain(client), server, size);
    moved = deliver(drain(server), client, size) || moved;
  }
}

/** Everything that an end has to send. */
export function drain(from: { pollOutput(): Uint8Array | undefined }): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let part = from.pollOutput(); part !== undefined; part = from.pollOutput()) parts.push(part);
  return join(...parts);
}

function deliver(bytes: Uint8Array, to: { handleBytes(chunk: Uint8Array, now: number): void }, size: number): boolean {
  for (let start = 0; start < bytes.length; start += size) to.handleBytes(bytes.subarray(start, start + size), 0);
  return bytes.length > 0;
}

export function join(...parts: Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/** One response from the front of `bytes`. */
export function response(bytes: Uint8Array): { status: string; head: string; body: Uint8Array; rest: Uint8Array } {
  const all = text(bytes);
  const end = all.indexOf('\r\n\r\n') + 4;
  const head = all.slice(0, end);
  const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? Number.NaN);
  return {
    status: head.split(' ')[1]!,
    head,
    body: bytes.subarray(end, end + length),
    rest: bytes.subarray(end + length),
  };
}

/** The Pack in a message. */
export function packOf(bytes: Uint8Array): Pack {
  const decoded = decodePack(response(bytes).body);
  if (!decoded.ok) throw new Error(`${decoded.cause} in ${text(bytes)}`);
  return decoded.pack;
}

export function utf8(words: string): Uint8Array {
  return new TextEncoder().encode(words);
}

/** One byte for each character. */
export function ascii(words: string): Uint8Array {
  return Uint8Array.from(words, (character) => character.charCodeAt(0));
}

/** One character for each byte. */
export function text(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
}
