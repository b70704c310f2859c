/** What a hub makes of probes that are not what they should be. */
import { describe, expect, test } from 'vitest';
import { PUNT_PROBE, type Punted } from '../../../engine/core.ts';
import { Crypto } from '../../../engine/crypto/module.ts';
import { type GuardContext, LoopGuard } from '../../../engine/loop/guard.ts';
import { keyOf, passOn, readProbe, signedPart, writeProbe } from '../../../engine/loop/probe.ts';
import { Seen } from '../../../engine/loop/seen.ts';
import { cryptoBinary } from '../../sim/host.ts';
import { World } from '../../sim/world.ts';

/** A guard with its hands free: what it sends and blocks is written down. */
class Desk {
  now = 10_000;
  readonly sent: { port: number; frame: Uint8Array }[] = [];
  readonly blocked = new Set<number>();
  readonly forgotten: number[] = [];
  readonly lines: string[] = [];
  readonly guard: LoopGuard;

  constructor(seed = 1) {
    const world = new World(seed);
    const random = (count: number) => world.bytes(count);
    const crypto = new Crypto(cryptoBinary, { slots: 4, random });
    const hmac = crypto.hmac('sha256', random(32));
    const context: GuardContext = {
      core: {
        setPunts: () => {},
        block: (port, yes) => void (yes ? this.blocked.add(port) : this.blocked.delete(port)),
        forgetStations: (port) => void this.forgotten.push(port),
      },
      plane: {
        inject: (port, frame) => {
          this.sent.push({ port, frame });
          return true;
        },
        onPunt: () => {},
        offPunt: () => {},
      },
      random,
      log: (level, message) => void this.lines.push(`${level}: ${message}`),
      now: () => this.now,
      touch: () => {},
      sign: (bytes) => hmac.digest(bytes),
      same: (a, b) => crypto.same(a, b),
      names: new Map(),
    };
    this.guard = new LoopGuard(context, 0, 'lab');
  }

  take(): { port: number; frame: Uint8Array }[] {
    return this.sent.splice(0);
  }

  come(port: number, frame: Uint8Array): void {
    const punted: Punted = { port, hub: 0, kind: PUNT_PROBE, frame };
    this.guard.handlePunted(punted);
  }

  run(ms: number): void {
    const end = this.now + ms;
    while (this.guard.pollTimeout() <= end) {
      this.now = Math.max(this.now, this.guard.pollTimeout());
      this.guard.handleTimeout(this.now);
    }
    this.now = end;
  }
}

/** A probe of a hub that is not there. */
function foreign(origin: number, sequence = 1, kind: 'probe' | 'change' = 'probe'): Uint8Array {
  const id = new Uint8Array(8).fill(origin);
  return writeProbe(
    signedPart({ kind, origin: id, token: 7, sequence, time: 5 }),
    new Uint8Array(16).fill(sequence & 255),
  );
}

function desk(): Desk {
  const made = new Desk();
  made.guard.add(1, 'cascade', 'one');
  made.guard.add(2, 'cascade', 'two');
  return made;
}

describe('a probe that comes home', () => {
  test('by another port blocks the newer one, until none has come for a while', () => {
    const d = desk();
    d.run(10);
    const own = d.take().find(({ port }) => port === 2)!.frame;
    d.come(1, own);
    expect([...d.blocked]).toEqual([2]);
    expect(d.guard.blocked(2)).toBe('a loop with one');
    expect(d.guard.loops).toMatchObject([{ blocked: 'two', open: 'one', hubs: [] }]);
    d.run(1_000);
    expect([...d.blocked]).toEqual([2]);
    d.run(2_000);
    expect([...d.blocked]).toEqual([]);
    expect(d.lines).toEqual(['warn: a loop was found, and is cut', 'info: a port that was blocked is open again']);
  });

  test('by the port that it left by, or by one that nobody knows, says nothing', () => {
    const d = desk();
    const own = d.take().find(({ port }) => port === 2)!.frame;
    d.come(2, own);
    d.come(3, own);
    expect(d.blocked.size).toBe(0);
  });

  test('changed in any byte that its tag covers, too late, or from a hub that was restarted, is not believed', () => {
    const own = desk()
      .take()
      .find(({ port }) => port === 2)!.frame;
    // Origin, token, sequence, time and tag; a changed origin makes it somebody else's.
    for (let at = 22; at < 62; at++) {
      const d = desk();
      const wrong = own.slice();
      wrong[at]! ^= 1;
      d.come(1, wrong);
      expect(d.blocked.size, `byte ${at}`).toBe(0);
    }
    const late = desk();
    late.now += 3_500;
    late.come(1, own);
    expect(late.blocked.size).toBe(0);
    const other = new Desk(2);
    other.guard.add(1, 'cascade', 'one');
    other.guard.add(2, 'cascade', 'two');
    other.come(1, own);
    expect(other.blocked.size).toBe(0);
    // So that the rest of this test can fail.
    const d = desk();
    d.come(1, own);
    expect(d.blocked.size).toBe(1);
  });

  test('a port that has to be blocked again and again stays blocked for longer each time, up to a limit', () => {
    const d = desk();
    const times: number[] = [];
    for (let i = 0; i < 5; i++) {
      d.run(100);
      d.come(1, d.take().findLast(({ port, frame }) => port === 2 && readProbe(frame)?.kind === 'probe')!.frame);
      expect([...d.blocked]).toEqual([2]);
      const since = d.now;
      while (d.blocked.size > 0) d.run(50);
      times.push(d.now - since);
    }
    expect(times[1]!).toBeGreaterThan(1.5 * times[0]!);
    expect(times[4]!).toBeLessThan(8_000);
  });

  test('a TAP stays open rather than a cascade, however new it is', () => {
    const d = desk();
    d.guard.add(3, 'tap', 'wire');
    d.come(1, d.take().find(({ port }) => port === 3)!.frame);
    expect([...d.blocked]).toEqual([1]);
  });

  test('when the open port goes away, the blocked one is open at once', () => {
    const d = desk();
    d.come(1, d.take().find(({ port }) => port === 2)!.frame);
    d.guard.remove(1);
    expect(d.blocked.size).toBe(0);
    expect(d.guard.loops).toEqual([]);
  });
});

describe('a probe of another hub', () => {
  test('is passed on once, out of all other trunks, with this hub in its path', () => {
    const d = desk();
    d.guard.add(3, 'session', 'three');
    d.take();
    const probe = foreign(0);
    d.come(1, probe);
    d.come(2, probe);
    d.come(1, probe);
    const sent = d.take();
    expect(sent.map(({ port }) => port)).toEqual([2, 3]);
    expect(sent.map(({ frame }) => readProbe(frame)?.path)).toEqual([[d.guard.identity], [d.guard.identity]]);
    expect(keyOf(sent[0]!.frame)).toBe(keyOf(probe));
  });

  test('is not when that hub is the greater one, when this hub is in the path, or when the path is too long', () => {
    const d = desk();
    d.take();
    d.come(1, foreign(255));
    const id = Uint8Array.from(d.guard.identity.match(/../g)!, (pair) => Number.parseInt(pair, 16));
    d.come(1, passOn(foreign(0, 2), id)!);
    let long: Uint8Array = foreign(0, 3);
    for (let i = 0; i < 32; i++) long = passOn(long, new Uint8Array(8).fill(i + 1))!;
    d.come(1, long);
    expect(d.take()).toEqual([]);
  });

  test('of another version, cut off or too long is ignored', () => {
    const d = desk();
    d.take();
    const probe = foreign(0);
    for (let length = 0; length < probe.length; length++) d.come(1, probe.slice(0, length));
    d.come(1, probe.with(18, 2));
    d.come(1, probe.with(19, 9));
    d.come(1, probe.with(20, 200));
    expect(d.take()).toEqual([]);
    expect(passOn(probe.with(20, 32), new Uint8Array(8))).toBeUndefined();
  });

  test('in a flood of them some are passed on, and no more than 400 a second from each trunk', () => {
    const d = desk();
    d.take();
    for (let i = 0; i < 20_000; i++) {
      d.now += 0.1;
      d.come(1, foreign(0, i));
    }
    const sent = d.take().filter(({ frame }) => frame.length > 62);
    expect(sent.length).toBeGreaterThan(700);
    expect(sent.length).toBeLessThan(1_300);
    expect(d.blocked.size).toBe(0);
  });

  test('word of a change is passed on whoever says it, and makes stations behind hubs forgotten, but not all the time', () => {
    const d = desk();
    d.come(1, foreign(255, 1));
    for (let i = 0; i < 100; i++) {
      d.now += 1;
      d.come(1, foreign(255, 10 + i, 'change'));
    }
    expect(d.forgotten).toEqual([1]);
  });
});

test('what was seen is remembered for seconds, and in bounded memory', () => {
  const seen = new Seen();
  expect(seen.first('a', 0)).toBe(true);
  expect(seen.first('a', 4_000)).toBe(false);
  expect(seen.first('b', 5_000)).toBe(true);
  expect(seen.first('a', 5_001)).toBe(false);
  expect(seen.first('a', 20_000)).toBe(true);
  let taken = 0;
  for (let i = 0; i < 20_000; i++) if (seen.first(`x${i}`, 20_001)) taken++;
  expect(taken).toBeLessThan(8_192);
});

test('the source address is a station of its own, the same for a port, and the destination a group', () => {
  const d = desk();
  const frames = d.take().filter(({ port }) => port === 2);
  const macs = new Set(frames.map(({ frame }) => frame.subarray(6, 12).join()));
  expect(macs.size).toBe(1);
  expect(frames[0]!.frame[0]! & 3).toBe(3);
  expect(frames[0]!.frame[6]! & 3).toBe(2);
});
