/** Sessions that can be resumed by their id (RFC 5246 §F.1.4), on either side. Their secrets are wiped with them. */

import type { Suite, Version } from './suites.ts';

export interface TlsSession {
  readonly id: Uint8Array;
  readonly version: Version;
  readonly suite: Suite;
  readonly master: Uint8Array;
  /** Of the server, on the client's side. */
  readonly chain: readonly Uint8Array[];
}

/** Milliseconds. RFC 5246 §F.1.4 advises at most a day; an hour covers a session's reconnects. */
const LIFETIME_MS = 3_600_000;
/** 48 bytes of secret and a few hundred of certificate each. */
const SESSIONS_MAX = 1_024;

export class SessionCache {
  readonly #sessions = new Map<string, { session: TlsSession; until: number }>();

  get size(): number {
    return this.#sessions.size;
  }

  /** @param key The id in hexadecimal on a server, the peer's place on a client. */
  get(key: string, now: number): TlsSession | undefined {
    const found = this.#sessions.get(key);
    if (found === undefined) return undefined;
    if (found.until > now) return found.session;
    this.delete(key);
    return undefined;
  }

  set(key: string, session: TlsSession, now: number): void {
    this.delete(key);
    const [oldest] = this.#sessions.keys();
    if (this.#sessions.size >= SESSIONS_MAX) this.delete(oldest!);
    this.#sessions.set(key, { session, until: now + LIFETIME_MS });
  }

  /** One whose connection failed is not resumed (RFC 5246 §7.2.2). */
  delete(key: string): void {
    this.#sessions.get(key)?.session.master.fill(0);
    this.#sessions.delete(key);
  }

  clear(): void {
    for (const key of [...this.#sessions.keys()]) this.delete(key);
  }
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
