import type { LoginStatus } from '../admin/status.ts';
import type { Log, Random } from '../host.ts';
import type { Wait } from '../login/authority.ts';
import type { Sha0 } from '../login/password.ts';
import { utf8 } from '../pack/text.ts';

/** A login that somebody tries. */
export interface Attempt {
  readonly hub: string;
  /** The user's name as it is compared; it need not exist. */
  readonly user: string;
  /** As `sourceOf` has it. */
  readonly source: string;
}

export interface DoorkeeperOptions {
  readonly sha0: Sha0;
  readonly random: Random;
  readonly log: Log;
}

/** A failure counts half after so long. Long enough that a guesser does not profit from pausing. */
const HALF_LIFE_MS = 600_000;
/** Failures of a source that cost nothing: fingers slip, and one device in a house may have the old password. */
const SOURCE_FREE = 3;
/** Failures of an account, from wherever, before those are slowed who have not been in it before. */
const ACCOUNT_FREE = 10;
/** Of a source that has been in the account before, since it was last there. */
const FAMILIAR_FREE = 5;
/** The first delay; each further failure of the source, and each ten of the account, double it. */
const FIRST_DELAY_MS = 500;
/** Clients wait 15 s for an answer (`protocol/control-plane.md` §1.7), and the way there takes some of it. */
export const MAX_DELAY_MS = 10_000;

/** Sources that are remembered for their failures: some 2 MiB. The one that has failed least recently goes first. */
const SOURCES_MAX = 16_384;
/**
 * Counters of accounts. Every name has one of them, chosen by a secret hash, whether the user exists or not: so nobody
 * learns from a delay who exists, and no flood of names makes the server forget about one.
 */
const ACCOUNTS = 4_096;
/** Sources per account that have been in it: the last ones. A person has a few places. */
const FAMILIAR_MAX = 32;
/** Logins of one source that wait at a time. */
const WAITING_PER_SOURCE = 4;
/** Logins that wait at a time: some 100 KiB each. The rest is for sources that have not failed. */
const WAITING_MAX = 1_024;
const WAITING_OF_FAILED = 512;

/** What is remembered of failures; it fades. */
interface Score {
  failures: number;
  at: number;
  /** Of which delay the log has been told: 0 none, 1 the first, 2 the longest. */
  told: number;
}

/**
 * Slows whoever guesses passwords, and nobody else. Each source waits the longer the more it has failed. Each account
 * has a budget of failures as well, above which sources wait that have never been in it, so that many sources together
 * are slow too. Nobody is locked out: the longest wait is `MAX_DELAY_MS`, and who has been in an account before, from
 * the place where it is, does not wait for what strangers do.
 */
export class Doorkeeper {
  readonly #options: DoorkeeperOptions;
  readonly #sources = new Map<string, Score>();
  readonly #accounts: Score[] = Array.from({ length: ACCOUNTS }, () => ({ failures: 0, at: 0, told: 0 }));
  /** Failures since the last success, of sources that have been in an account. */
  readonly #familiar = new Map<string, Map<string, number>>();
  readonly #waiting = new Map<string, number>();
  readonly #secret: Uint8Array;
  #waitingNow = 0;
  #failures = 0;
  #delayed = 0;
  #turnedAway = 0;

  constructor(options: DoorkeeperOptions) {
    this.#options = options;
    this.#secret = options.random(20);
  }

  /** Undefined: at once. `full`: too many wait already, and this one is told to come back. */
  hold(attempt: Attempt, now: number): Wait | 'full' | undefined {
    const { source } = attempt;
    const delay = this.#delay(attempt, now);
    if (delay === 0) return undefined;
    const waiting = this.#waiting.get(source) ?? 0;
    const most = this.#failuresOf(source, now) > 0 ? WAITING_OF_FAILED : WAITING_MAX;
    if (waiting >= WAITING_PER_SOURCE || this.#waitingNow >= most) {
      this.#turnedAway++;
      return 'full';
    }
    this.#delayed++;
    this.#waitingNow++;
    this.#waiting.set(source, waiting + 1);
    return { until: now + delay, release: () => this.#release(source) };
  }

  /** The password, or what stands for it, was wrong. */
  failed(attempt: Attempt, now: number): void {
    const { hub, user, source } = attempt;
    this.#failures++;
    const familiar = this.#familiar.get(keyOf(attempt));
    const before = familiar?.get(source);
    if (before !== undefined) familiar!.set(source, before + 1);

    const account = this.#accounts[this.#bucket(attempt)]!;
    addFailure(account, now);
    const accountDelay = accountDelayOf(account.failures);
    this.#tell(account, accountDelay, 'logins of a user are slowed for those who are new to it', { hub, user });

    const score = this.#sources.get(source) ?? { failures: 0, at: now, told: 0 };
    addFailure(score, now);
    this.#sources.delete(source);
    this.#sources.set(source, score);
    if (this.#sources.size > SOURCES_MAX) this.#sources.delete(this.#sources.keys().next().value!);
    this.#tell(score, sourceDelayOf(score.failures), 'logins of a source are slowed', { source, hub, user });
  }

  /** Somebody proved to be the user: from here it may come again without waiting for strangers. */
  succeeded(attempt: Attempt): void {
    const key = keyOf(attempt);
    const familiar = this.#familiar.get(key) ?? new Map<string, number>();
    this.#familiar.set(key, familiar);
    familiar.delete(attempt.source);
    familiar.set(attempt.source, 0);
    if (familiar.size > FAMILIAR_MAX) familiar.delete(familiar.keys().next().value!);
  }

  status(now: number): LoginStatus {
    const slowed = (scores: Iterable<Score>, delayOf: (failures: number) => number): number =>
      [...scores].filter((score) => delayOf(faded(score, now)) > 0).length;
    return {
      failures: this.#failures,
      delayed: this.#delayed,
      turnedAway: this.#turnedAway,
      waiting: this.#waitingNow,
      slowedSources: slowed(this.#sources.values(), sourceDelayOf),
      slowedUsers: slowed(this.#accounts, accountDelayOf),
    };
  }

  /** Those that wait count as failed: many at once are not faster than one behind the other. */
  #delay(attempt: Attempt, now: number): number {
    const { source } = attempt;
    const since = this.#familiar.get(keyOf(attempt))?.get(source);
    if (since !== undefined && since < FAMILIAR_FREE) return 0;
    const own = sourceDelayOf(this.#failuresOf(source, now) + (this.#waiting.get(source) ?? 0));
    return Math.max(own, accountDelayOf(faded(this.#accounts[this.#bucket(attempt)]!, now)));
  }

  #failuresOf(source: string, now: number): number {
    const score = this.#sources.get(source);
    return score === undefined ? 0 : faded(score, now);
  }

  #release(source: string): void {
    this.#waitingNow--;
    const left = (this.#waiting.get(source) ?? 1) - 1;
    if (left > 0) this.#waiting.set(source, left);
    else this.#waiting.delete(source);
  }

  #bucket(attempt: Attempt): number {
    const name = utf8(keyOf(attempt));
    const input = new Uint8Array(this.#secret.length + name.length);
    input.set(this.#secret);
    input.set(name, this.#secret.length);
    const [high = 0, low = 0] = this.#options.sha0(input);
    return ((high << 8) | low) % ACCOUNTS;
  }

  /** Once when it starts, once when it cannot grow any more. */
  #tell(score: Score, delay: number, message: string, about: Readonly<Record<string, unknown>>): void {
    const level = delay === 0 ? 0 : delay < MAX_DELAY_MS ? 1 : 2;
    if (level > score.told) {
      const failures = Math.round(score.failures);
      this.#options.log('warn', message, { ...about, failures, delaySeconds: delay / 1000 });
    }
    // Below the first delay it starts anew; in between it does not fall, or it would be told again and again.
    score.told = level === 0 ? 0 : Math.max(level, score.told);
  }
}

function keyOf({ hub, user }: Attempt): string {
  return `${hub}\0${user}`;
}

function addFailure(score: Score, now: number): void {
  score.failures = faded(score, now) + 1;
  score.at = now;
}

function faded({ failures, at }: Score, now: number): number {
  const left = failures * 2 ** ((at - now) / HALF_LIFE_MS);
  return left < 0.5 ? 0 : left;
}

function sourceDelayOf(failures: number): number {
  return doubled(Math.round(failures) - SOURCE_FREE);
}

function accountDelayOf(failures: number): number {
  const above = Math.round(failures) - ACCOUNT_FREE;
  return above < 0 ? 0 : doubled(above / 10);
}

function doubled(times: number): number {
  return times < 0 ? 0 : Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** times);
}
