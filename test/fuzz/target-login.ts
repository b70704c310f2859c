import { authenticate } from '../../engine/login/authenticate.ts';
import type { Authority } from '../../engine/login/authority.ts';
import { ClientPreamble } from '../../engine/login/client-preamble.ts';
import type { LoginRequest } from '../../engine/login/login-request.ts';
import { hashedPassword, type Sha0 } from '../../engine/login/password.ts';
import { MAX_SERVER_OUTPUT_BYTES, ServerPreamble } from '../../engine/login/server-preamble.ts';
import { PRODUCT } from '../../engine/product.ts';
import { rig } from '../unit/crypto/rig.ts';
import { CLIENT_ADDRESS, login, SERVER_ADDRESS, UTC, utf8, welcome } from '../unit/login-harness.ts';
import { mutatePack } from './mutate-pack.ts';
import { Rng } from './rng.ts';
import { check, corpus, pieces, type Target, words } from './target.ts';
import { HTTP_WORDS } from './target-http.ts';

interface Preamble {
  readonly outcome: { readonly kind: string } | undefined;
  handleBytes(chunk: Uint8Array, now: number): void;
  handleTimeout(now: number): void;
  pollTimeout(): number;
  pollOutput(): Uint8Array | undefined;
}

const PACK_WORDS = words('method', 'login', 'additional_connect', 'enum_hub', 'noop', 'authtype', 'username', 'error');

/** What came of the bytes: how it ended, what was answered, and what is left for the tunnel. */
function talk(preamble: Preamble, parts: readonly Uint8Array[]): { end: string; sent: Uint8Array; left: number } {
  const sent: Uint8Array[] = [];
  let bytes = 0;
  let unread = 0;
  const poll = (): void => {
    for (let out = preamble.pollOutput(); out !== undefined; out = preamble.pollOutput()) {
      sent.push(out);
      bytes += out.length;
      check(bytes <= MAX_SERVER_OUTPUT_BYTES, `${bytes} bytes were answered`);
    }
  };
  poll();
  for (const part of parts) {
    // Behind a success the bytes are the tunnel's, and the owner does not hand them over any more.
    if (preamble.outcome !== undefined) unread += part.length;
    else preamble.handleBytes(part, 0);
    poll();
  }
  const { outcome } = preamble;
  check(
    (preamble.pollTimeout() === Number.POSITIVE_INFINITY) === (outcome !== undefined),
    'a deadline too many or too few',
  );
  if (outcome === undefined) {
    preamble.handleTimeout(preamble.pollTimeout());
    check(preamble.outcome !== undefined, 'a peer that falls silent is not given up');
  }
  const remainder = (outcome as { remainder?: Uint8Array } | undefined)?.remainder;
  const end = JSON.stringify(outcome ?? 'open', asText);
  return { end, sent: Buffer.concat(sent), left: remainder === undefined ? -1 : remainder.length + unread };
}

/** What is left for the tunnel is compared by its length: it depends on how the bytes were cut. */
function asText(key: string, value: unknown): unknown {
  if (key === 'remainder') return undefined;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('latin1');
  return typeof value === 'bigint' ? String(value) : value;
}

function compare(make: () => Preamble, input: Uint8Array): void {
  const whole = talk(make(), [input]);
  const cut = talk(make(), pieces(Rng.from(input), input));
  if (whole.end !== cut.end) throw new Error(`cut in pieces it ends as ${cut.end} and whole as ${whole.end}`);
  check(whole.left === cut.left, `${cut.left} bytes are the tunnel's in pieces, and ${whole.left} whole`);
  check(Buffer.compare(whole.sent, cut.sent) === 0, 'cut in pieces it is answered in another way');
}

/** The same for every preamble: the corpus was recorded with a challenge of these bytes. */
function random(count: number): Uint8Array {
  // A short pencore: a thousand random bytes in every answer would be most of the work.
  return count > 64 ? new Uint8Array(64) : new Uint8Array(count).fill(7);
}

const NODE = {
  hostName: 'machine',
  osName: 'Linux',
  osVersion: '6.1.0',
  uniqueId: new Uint8Array(16).fill(3),
  serverHostName: 'vpn.example',
};

const UTC_CLOCK = (): number => UTC;

/** One hub with alice and a guest, one session to attach to, and the core's own hash, which has a limit. */
function oneHub(sha0: Sha0): Authority<string, string> {
  const alice = { kind: 'password', hash: hashedPassword(sha0, utf8('alicepw'), 'alice') } as const;
  return {
    login(request: LoginRequest, challenge: Uint8Array) {
      if (request.hubName.toLowerCase() !== 'testhub') return { ok: false, code: 8 };
      const name = request.userName.toLowerCase();
      const user = name === 'guest' ? ({ kind: 'anonymous' } as const) : name === 'alice' ? alice : undefined;
      const code = authenticate(sha0, user, request, challenge);
      if (code !== 0) return { ok: false, code };
      return { ok: true, grant: { ...welcome(), ...request, token: 'session' } };
    },
    attach(sessionKey: Uint8Array) {
      if (sessionKey.some((byte) => byte !== 0x5a)) return { ok: false, code: 13 };
      return { ok: true, direction: 1, token: 'connection' };
    },
    hubNames: () => ['TESTHUB', 'OTHER'],
  };
}

export function serverLoginTarget(): Target {
  const authority = oneHub(rig('simd').sha0);
  const make = (): Preamble =>
    new ServerPreamble(
      { random, utc: UTC_CLOCK, product: PRODUCT, authority, remote: CLIENT_ADDRESS, local: SERVER_ADDRESS },
      0,
    );
  return {
    name: 'server-login',
    seeds: corpus('server-login'),
    words: [...HTTP_WORDS, ...PACK_WORDS],
    maxBytes: 0x2000,
    repair,
    run: (input) => compare(make, input),
  };
}

export function clientLoginTarget(): Target {
  const sessionKey = new Uint8Array(20).fill(0x5a);
  const { sha0 } = rig('simd');
  return {
    name: 'client-login',
    seeds: corpus('client-login'),
    words: [...HTTP_WORDS, ...PACK_WORDS],
    maxBytes: 0x4000,
    repair,
    run: (input) => {
      // Most peers are asked for a login, some for one connection more.
      const attach = input.length % 8 === 7;
      const make = (): Preamble =>
        new ClientPreamble(
          {
            random,
            sha0,
            utc: UTC_CLOCK,
            product: PRODUCT,
            remote: SERVER_ADDRESS,
            local: CLIENT_ADDRESS,
            purpose: attach ? { kind: 'attach', sessionKey } : login({ node: NODE }),
          },
          0,
        );
      compare(make, input);
    },
  };
}

const LENGTH = /Content-Length: \d+/;

/**
 * Mostly gives every message the length that its body has: a wrong one is found soon, and hides the rest. Some bodies
 * become other Packs, whole ones.
 */
function repair(rng: Rng, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  const fitted = text.split(/(?=POST \/|GET \/|HEAD \/|HTTP\/1\.1 \d)/).map((message) => {
    const end = message.indexOf('\r\n\r\n');
    if (end < 0 || rng.oneIn(4)) return message;
    const body = message.slice(end + 4);
    const other = rng.oneIn(3) ? mutatePack(rng, Buffer.from(body, 'latin1')) : undefined;
    const made = other === undefined ? body : Buffer.from(other).toString('latin1');
    const head = message.slice(0, end).replace(LENGTH, `Content-Length: ${made.length}`);
    return `${head}\r\n\r\n${made}`;
  });
  return new Uint8Array(Buffer.from(fitted.join(''), 'latin1'));
}
