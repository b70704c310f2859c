/**
 * Finds loops between hubs, cascades and bridges, and cuts them.
 *
 * Every hub has a random identity and sends probes out of every trunk, a port behind which other hubs may be. Those whose
 * identity is greater pass a probe on, once, out of all their other trunks; everybody else floods it like any group
 * frame. A probe that comes home by another port than it left by says: these two ports lead to the same place, by way of
 * greater hubs and of strangers. Of all ports that lead to one place a hub keeps the first and blocks the others.
 *
 * No partition can follow, and no loop is left: take the hubs one by one, from the greatest to the least. Each joins
 * every part of the network that the greater ones (and the strangers, which count as greatest) are connected in by exactly
 * one port. That is a spanning forest, whatever the order in which things were found out, for whether two ports lead to
 * one place does not depend on which ports are blocked: probes pass those.
 */

import type { Core, Punted } from '../core.ts';
import { PUNT_PROBE } from '../core.ts';
import type { Timed } from '../deadlines.ts';
import type { Log, Random } from '../host.ts';
import type { Plane } from '../session/plane.ts';
import {
  hexOf,
  ID_BYTES,
  keyOf,
  type Probe,
  type ProbeKind,
  passOn,
  readProbe,
  signedPart,
  writeProbe,
} from './probe.ts';
import { Seen } from './seen.ts';

/** What is behind a trunk: the name of its table in the status. */
export type TrunkKind = 'cascade' | 'link' | 'session' | 'tap' | 'bridge';

/** A loop that this hub has cut. */
export interface CutLoop {
  /** The port that is blocked, and the one that stays open. */
  readonly blocked: string;
  readonly open: string;
  /** The hubs of ours in between: names of this server's, identities of others. */
  readonly hubs: readonly string[];
  /** When it was cut, host's ms. */
  readonly since: number;
}

export interface GuardContext {
  readonly core: Pick<Core, 'block' | 'forgetStations' | 'setPunts'>;
  readonly plane: Pick<Plane, 'inject' | 'onPunt' | 'offPunt'>;
  readonly random: Random;
  readonly log: Log;
  readonly now: () => number;
  readonly touch: (timed: Timed) => void;
  /** A keyed MAC of this node's, 16 bytes or more. */
  readonly sign: (bytes: Uint8Array) => Uint8Array;
  readonly same: (a: Uint8Array, b: Uint8Array) => boolean;
  /** Names of the hubs of this node, by identity in hexadecimal. All guards of a node share it. */
  readonly names: Map<string, string>;
}

/** Milliseconds between two probes of a port; with more than MANY trunks it is the double. */
const PROBE_MS = 500;
const MANY = 256;
/** A trunk that is new is probed at once, and so often again at a shorter interval: others may not have it yet. */
const HURRIES = 4;
const HURRY_MS = 100;
/** A probe that comes home later than that is not believed. */
const HOMEWARD_MS = 3_000;
/** A port is open again when no probe has come home over it for so long: three of them were lost, or the loop is gone. */
const OPEN_MS = 1_600;
/** When the same port has to be blocked again within STEADY_MS it stays blocked for twice as long, up to OPEN_MS_MAX. */
const OPEN_MS_MAX = 6_400;
const STEADY_MS = 60_000;
/** Of the ports that lead to the same place as one that is blocked, so many are remembered. */
const RIVALS_MAX = 8;
/** Foreign probes that are taken from one trunk: in a second, and at once. */
const RATE = 400;
/** What stations are where may be forgotten so often. */
const FORGET_MS = 450;
/** Other hubs are behind a trunk when a probe has come in by it so recently. */
const HEARD_MS = 10_000;

interface Trunk {
  readonly port: number;
  readonly kind: TrunkKind;
  readonly name: string;
  /** Greater: it is blocked rather than another one. */
  readonly rank: number;
  readonly token: number;
  /** Lesser ports that lead to the same place, and when that was seen last. */
  readonly rivals: Map<Trunk, number>;
  cut: CutLoop | undefined;
  /** How long it stays blocked when nothing comes home any more. */
  openMs: number;
  openedAt: number;
  /** When a probe last came in by it: without one no way behind it can have changed. */
  heardAt: number;
  /** How often it is still to be probed at the shorter interval. */
  hurries: number;
  /** Foreign probes that may still come. */
  credit: number;
  creditAt: number;
}

export class LoopGuard implements Timed {
  readonly hub: number;
  readonly name: string;
  readonly #context: GuardContext;
  readonly #id: Uint8Array;
  readonly #hex: string;
  readonly #trunks = new Map<number, Trunk>();
  readonly #tokens = new Map<number, Trunk>();
  readonly #seen = new Seen();
  #order = 0;
  #sequence = 0;
  #due = Number.POSITIVE_INFINITY;
  #forgotAt = Number.NEGATIVE_INFINITY;
  /** When all trunks are probed next, and when others are told again that ways have changed; host's ms. */
  #allAt = 0;
  #changeAt = Number.POSITIVE_INFINITY;

  /** The hub's number in the core, and its name. */
  constructor(context: GuardContext, hub: number, name: string) {
    this.#context = context;
    this.hub = hub;
    this.name = name;
    this.#id = context.random(ID_BYTES).slice();
    this.#hex = hexOf(this.#id);
    context.names.set(this.#hex, name);
    context.core.setPunts(hub, PUNT_PROBE);
    context.plane.onPunt(hub, (punted) => this.handlePunted(punted));
  }

  /** As other servers show this hub. */
  get identity(): string {
    return this.#hex;
  }

  /** A port behind which other hubs may be. */
  add(port: number, kind: TrunkKind, name: string): void {
    const now = this.#context.now();
    this.#order++;
    // What joins this hub to the wires of its machine stays open before any tunnel; of others the older one.
    const rank = this.#order + (kind === 'tap' || kind === 'bridge' ? 0 : 2 ** 40);
    const token = new DataView(this.#context.random(4).slice().buffer).getUint32(0);
    const trunk: Trunk = {
      port,
      kind,
      name,
      rank,
      token,
      rivals: new Map(),
      cut: undefined,
      openMs: OPEN_MS,
      openedAt: Number.NEGATIVE_INFINITY,
      heardAt: Number.NEGATIVE_INFINITY,
      hurries: HURRIES,
      credit: RATE,
      creditAt: now,
    };
    this.#trunks.set(port, trunk);
    this.#tokens.set(token, trunk);
    // Its own probe is enough: what comes home by it is what left by it.
    if (this.#trunks.size > 1) this.#send('probe', now, [trunk]);
    this.#schedule(now);
  }

  /** The port is about to be closed. */
  remove(port: number): void {
    const trunk = this.#trunks.get(port);
    if (trunk === undefined) return;
    this.#trunks.delete(port);
    this.#tokens.delete(trunk.token);
    trunk.cut = undefined;
    for (const other of this.#trunks.values()) {
      if (other.rivals.delete(trunk) && other.rivals.size === 0) this.#open(other, 'the other way is gone');
    }
    this.#schedule(this.#context.now());
  }

  end(): void {
    this.#due = Number.POSITIVE_INFINITY;
    this.#trunks.clear();
    this.#context.names.delete(this.#hex);
    this.#context.plane.offPunt(this.hub);
  }

  /** Why a port is blocked; undefined when it is not. */
  blocked(port: number): string | undefined {
    const cut = this.#trunks.get(port)?.cut;
    return cut === undefined ? undefined : `a loop with ${cut.open}`;
  }

  get loops(): readonly CutLoop[] {
    return [...this.#trunks.values()].flatMap(({ cut }) => (cut === undefined ? [] : [cut]));
  }

  pollTimeout(): number {
    return this.#due;
  }

  handleTimeout(now: number): void {
    for (const trunk of this.#trunks.values()) this.#review(trunk, now);
    if (this.#changeAt <= now) {
      this.#changeAt = Number.POSITIVE_INFINITY;
      this.#forgetStations(now);
      this.#send('change', now, this.#trunks.values());
    }
    const all = now >= this.#allAt;
    if (all) this.#allAt = now + (this.#trunks.size > MANY ? 2 * PROBE_MS : PROBE_MS);
    const due = [...this.#trunks.values()].filter((trunk) => all || trunk.hurries > 0);
    for (const trunk of due) if (trunk.hurries > 0) trunk.hurries--;
    // With one trunk there is no loop to be part of.
    if (this.#trunks.size > 1) this.#send('probe', now, due);
    this.#schedule(now);
  }

  /** A probe that came in by one of the hub's ports. */
  handlePunted({ port, frame }: Punted): void {
    const trunk = this.#trunks.get(port);
    const probe = trunk === undefined ? undefined : readProbe(frame);
    if (trunk === undefined || probe === undefined) return;
    const now = this.#context.now();
    trunk.heardAt = now;
    const origin = hexOf(probe.origin);
    if (origin === this.#hex) {
      if (probe.kind === 'probe') this.#handleHome(trunk, probe, now);
      return;
    }
    // A probe of a greater hub is not for us to pass on: the loop that we are in is ours to cut, or a lesser one's.
    if (probe.kind === 'probe' && origin > this.#hex) return;
    if (probe.path.includes(this.#hex) || !take(trunk, now) || !this.#seen.first(keyOf(frame), now)) return;
    if (probe.kind === 'change') this.#forgetStations(now);
    const passed = passOn(frame, this.#id);
    if (passed === undefined) return;
    for (const other of this.#trunks.values()) {
      if (other !== trunk) this.#context.plane.inject(other.port, passed);
    }
  }

  #handleHome(by: Trunk, probe: Probe, now: number): void {
    const left = this.#tokens.get(probe.token);
    const age = now - probe.time;
    if (left === undefined || left === by || age < -1 || age > HOMEWARD_MS) return;
    const { sign, same } = this.#context;
    if (!same(sign(signedPart(probe)).subarray(0, probe.tag.length), probe.tag)) return;
    const [open, shut] = left.rank < by.rank ? [left, by] : [by, left];
    shut.rivals.delete(open);
    // In the order in which they were seen: the first is the one that may be forgotten.
    shut.rivals.set(open, now);
    if (shut.rivals.size > RIVALS_MAX) shut.rivals.delete(shut.rivals.keys().next().value!);
    if (shut.cut === undefined) this.#cut(shut, open, probe.path, now);
  }

  #cut(shut: Trunk, open: Trunk, path: readonly string[], now: number): void {
    const { core, names, log } = this.#context;
    const hubs = path.map((id) => names.get(id) ?? id);
    shut.openMs = now - shut.openedAt < STEADY_MS ? Math.min(shut.openMs * 2, OPEN_MS_MAX) : OPEN_MS;
    open.heardAt = shut.heardAt = now;
    shut.cut = { blocked: shut.name, open: open.name, hubs, since: now };
    core.block(shut.port, true);
    log('warn', 'a loop was found, and is cut', {
      hub: this.name,
      blocked: `${shut.kind} ${shut.name}`,
      open: `${open.kind} ${open.name}`,
      ...(hubs.length === 0 ? {} : { through: hubs.join(', ') }),
    });
    this.#announce(now);
  }

  /** Whether the port can be opened: nothing has come home over it for a while. */
  #review(trunk: Trunk, now: number): void {
    for (const [rival, seen] of trunk.rivals) if (now - seen > trunk.openMs) trunk.rivals.delete(rival);
    if (trunk.rivals.size === 0) this.#open(trunk, 'the loop is gone');
  }

  #open(trunk: Trunk, cause: string): void {
    if (trunk.cut === undefined) return;
    const now = this.#context.now();
    trunk.cut = undefined;
    trunk.openedAt = now;
    this.#context.core.block(trunk.port, false);
    this.#context.log('info', 'a port that was blocked is open again', {
      hub: this.name,
      port: `${trunk.kind} ${trunk.name}`,
      cause,
    });
    // When there is a loop after all, that is found out before much goes round.
    trunk.hurries = HURRIES;
    this.#send('probe', now, [trunk]);
    this.#announce(now);
    this.#schedule(now);
  }

  /** Ways have changed, here and for those who talk by way of this hub. Said twice: the first may meet frames on the old way. */
  #announce(now: number): void {
    this.#forgetStations(now);
    this.#send('change', now, this.#trunks.values());
    this.#changeAt = now + PROBE_MS;
    this.#schedule(now);
  }

  /**
   * Of stations behind other hubs it is not known any more where they are; they are heard again soon. Those on a wire
   * without hubs stay where they are: what is sent to one that is silent need not be flooded, and limited like a flood.
   */
  #forgetStations(now: number): void {
    if (now - this.#forgotAt < FORGET_MS) return;
    this.#forgotAt = now;
    for (const { port, heardAt } of this.#trunks.values()) {
      if (now - heardAt < HEARD_MS) this.#context.core.forgetStations(port);
    }
  }

  #send(kind: ProbeKind, now: number, trunks: Iterable<Trunk>): void {
    this.#sequence = (this.#sequence + 1) >>> 0;
    for (const { port, token } of trunks) {
      const part = signedPart({ kind, origin: this.#id, token, sequence: this.#sequence, time: now });
      this.#context.plane.inject(port, writeProbe(part, this.#context.sign(part)));
    }
  }

  #schedule(now: number): void {
    const trunks = [...this.#trunks.values()];
    const next = trunks.some(({ hurries }) => hurries > 0) ? now + HURRY_MS : this.#allAt;
    const probing = trunks.length > 1 ? Math.max(next, now) : Number.POSITIVE_INFINITY;
    this.#due = Math.min(probing, this.#changeAt);
    this.#context.touch(this);
  }
}

/** A trunk may bring RATE foreign probes in a second. */
function take(trunk: Trunk, now: number): boolean {
  trunk.credit = Math.min(RATE, trunk.credit + ((now - trunk.creditAt) * RATE) / 1000);
  trunk.creditAt = now;
  if (trunk.credit < 1) return false;
  trunk.credit--;
  return true;
}
