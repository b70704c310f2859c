/** What `etherloom watch` shows: two samples of the same nodes, made into rates. It is also what `--json` prints. */

import type { ClassStatus, ConnectionStatus, HubStatus, NodeRole, PortStatus } from '../../engine/admin/status.ts';
import type { NodeAnswer } from '../control-protocol.ts';

/** A node's answer and when it came, in milliseconds: `at` of a clock that only goes forward, `date` of the calendar. */
export interface Sample {
  /** Which node it is (`nodeKeys`). */
  readonly key: string;
  readonly at: number;
  readonly date: number;
  readonly answer: NodeAnswer;
}

export interface NodeView {
  /** Which node it is; not for JSON. */
  readonly key: string;
  readonly name?: string;
  readonly role: NodeRole;
  readonly pid: number;
  readonly since: string;
  /** On a client. */
  readonly state?: string;
  readonly server?: string;
  /** Seconds that the rates are of; null: this is the first sample. */
  readonly seconds: number | null;
  /** All sessions together. */
  readonly sessions: number;
  readonly in: Way;
  readonly out: Way;
  /** Of sessions and TAPs. */
  readonly drops: Drops;
  readonly queuedBytes: number;
  readonly hubs: readonly HubView[];
}

export interface HubView {
  readonly name: string;
  readonly fdb: number;
  readonly sessions: readonly PortView[];
  readonly taps: readonly PortView[];
}

export interface PortView {
  readonly name: string;
  readonly user?: string;
  readonly peer?: string;
  readonly since: string;
  /** From the port into the hub. */
  readonly in: Way;
  /** From the hub out of the port. */
  readonly out: Way;
  readonly drops: Drops;
  readonly queuedBytes: number;
  /** The shortest of its connections that tell one. */
  readonly roundTripMs?: number;
  /** Sessions only: what leaves towards the peer. */
  readonly classes?: { readonly bulk: ClassView; readonly priority: ClassView };
  /** Sessions only. */
  readonly connections?: readonly ConnectionView[];
}

/** Rates are null where they are not known: nothing was seen before. */
export interface Way {
  readonly bytesPerSecond: number | null;
  readonly framesPerSecond: number | null;
  readonly bytes: number;
  readonly frames: number;
}

/** Frames, by cause; causes that never happened are left out. */
export interface Drops {
  readonly perSecond: Readonly<Record<string, number>> | null;
  readonly total: Readonly<Record<string, number>>;
}

export interface ClassView extends Way {
  readonly dropsPerSecond: number | null;
  readonly delayMs: { readonly p50: number; readonly p99: number };
}

export interface ConnectionView {
  readonly peer: string;
  readonly direction: ConnectionStatus['direction'];
  readonly since: string;
  /** Bytes of the tunnel stream. */
  readonly in: Stream;
  readonly out: Stream;
  readonly unsentBytes: number;
  readonly roundTripMs?: number;
  readonly retransmissionsPerSecond?: number | null;
}

export interface Stream {
  readonly bytesPerSecond: number | null;
  readonly bytes: number;
}

/** Keys that are the same from look to look, also when a node with a name was started anew in between. */
export function nodeKeys(answers: readonly Pick<NodeAnswer, 'role' | 'name' | 'pid'>[]): readonly string[] {
  return answers.map(({ role, name, pid }) => {
    const alike = answers.filter((other) => other.role === role && other.name === name);
    // Two in the foreground may have the same profile.
    return name === undefined || alike.length > 1 ? `${role}/${name ?? ''}/${pid}` : `${role}/${name}`;
  });
}

/** @param before Of the same node; absent at the first sample. */
export function viewNode(before: Sample | undefined, now: Sample): NodeView {
  const { answer } = now;
  const hubs = answer.hubs.map((hub) => viewHub(new Past(before, now), before, hub));
  const ports = hubs.flatMap(({ sessions, taps }) => [...sessions, ...taps]);
  const sessions = hubs.flatMap((hub) => hub.sessions);
  const { client } = answer;
  return {
    key: now.key,
    ...(answer.name === undefined ? {} : { name: answer.name }),
    role: answer.role,
    pid: answer.pid,
    since: answer.since,
    ...(client === undefined ? {} : { state: client.state, server: client.server }),
    seconds: before === undefined ? null : (now.at - before.at) / 1000,
    sessions: sessions.length,
    in: sum(
      sessions.map((session) => session.in),
      before !== undefined,
    ),
    out: sum(
      sessions.map((session) => session.out),
      before !== undefined,
    ),
    drops: sumDrops(
      ports.map(({ drops }) => drops),
      before !== undefined,
    ),
    queuedBytes: ports.reduce((all, { queuedBytes }) => all + queuedBytes, 0),
    hubs,
  };
}

/** The `count` sessions of each hub that carry most; what is left out still counts in the sums. */
export function busiest(node: NodeView, count: number): NodeView {
  return {
    ...node,
    hubs: node.hubs.map((hub) => ({ ...hub, sessions: [...hub.sessions].sort(byRate).slice(0, count) })),
  };
}

/** The busiest first; equal ones by name. */
export function byRate(left: PortView, right: PortView): number {
  return rateOf(right) - rateOf(left) || (left.name < right.name ? -1 : 1);
}

/** Both ways. */
export function rateOf({ in: into, out }: { readonly in: Stream; readonly out: Stream }): number {
  return (into.bytesPerSecond ?? 0) + (out.bytesPerSecond ?? 0);
}

/** What was counted before, and what became of it since. */
class Past {
  readonly #before: Sample | undefined;
  readonly #seconds: number;

  constructor(before: Sample | undefined, now: Sample) {
    this.#before = before;
    this.#seconds = before === undefined ? 0 : (now.at - before.at) / 1000;
  }

  /**
   * Per second. What began after the sample before counts from 0; of what had begun already and was not seen, nothing is
   * known. A counter that went back began anew: all that it shows came since.
   */
  rate(before: number | undefined, now: number, since: string): number | null {
    if (this.#before === undefined || this.#seconds <= 0) return null;
    const base = before ?? (Date.parse(since) >= this.#before.date ? 0 : undefined);
    if (base === undefined) return null;
    return (now < base ? now : now - base) / this.#seconds;
  }
}

function viewHub(past: Past, before: Sample | undefined, hub: HubStatus): HubView {
  const old = before?.answer.hubs.find(({ name }) => name === hub.name);
  const ports = (which: 'sessions' | 'taps') => {
    const known = new Map(old?.[which].map((port) => [`${port.name} ${port.since}`, port]));
    return hub[which].map((port) => viewPort(past, known.get(`${port.name} ${port.since}`), port));
  };
  return { name: hub.name, fdb: hub.fdb, sessions: ports('sessions'), taps: ports('taps') };
}

function viewPort(past: Past, before: PortStatus | undefined, port: PortStatus): PortView {
  const { since } = port;
  const way = (which: 'received' | 'sent'): Way => ({
    bytesPerSecond: past.rate(before?.[which].bytes, port[which].bytes, since),
    framesPerSecond: past.rate(before?.[which].frames, port[which].frames, since),
    ...port[which],
  });
  const dropped = (cause: string) =>
    past.rate(before === undefined ? undefined : (before.drops[cause] ?? 0), port.drops[cause] ?? 0, since);
  const perSecond = Object.keys(port.drops).map((cause) => [cause, dropped(cause)] as const);
  const known = past.rate(before?.received.frames, port.received.frames, since) !== null;
  const trips = port.connections?.flatMap(({ tcp }) => tcp?.roundTripMs ?? []) ?? [];
  return {
    name: port.name,
    ...(port.user === undefined ? {} : { user: port.user }),
    ...(port.peer === undefined ? {} : { peer: port.peer }),
    since,
    in: way('received'),
    out: way('sent'),
    drops: {
      perSecond: known ? Object.fromEntries(perSecond.map(([cause, rate]) => [cause, rate ?? 0])) : null,
      total: port.drops,
    },
    queuedBytes: port.queuedBytes,
    ...(trips.length === 0 ? {} : { roundTripMs: Math.min(...trips) }),
    ...(port.classes === undefined
      ? {}
      : {
          classes: {
            bulk: viewClass(past, before?.classes?.bulk, port.classes.bulk, since),
            priority: viewClass(past, before?.classes?.priority, port.classes.priority, since),
          },
        }),
    ...(port.connections === undefined
      ? {}
      : { connections: viewConnections(past, before?.connections, port.connections) }),
  };
}

function viewClass(past: Past, before: ClassStatus | undefined, now: ClassStatus, since: string): ClassView {
  return {
    bytesPerSecond: past.rate(before?.bytes, now.bytes, since),
    framesPerSecond: past.rate(before?.frames, now.frames, since),
    bytes: now.bytes,
    frames: now.frames,
    dropsPerSecond: past.rate(before?.drops, now.drops, since),
    delayMs: now.delayMs,
  };
}

function viewConnections(
  past: Past,
  before: readonly ConnectionStatus[] | undefined,
  now: readonly ConnectionStatus[],
): ConnectionView[] {
  const known = new Map(numbered(before ?? []));
  return numbered(now).map(([key, connection]) => {
    const { since, tcp } = connection;
    const old = known.get(key);
    const stream = (which: 'receivedBytes' | 'sentBytes'): Stream => ({
      bytesPerSecond: past.rate(old?.[which], connection[which], since),
      bytes: connection[which],
    });
    return {
      peer: connection.peer,
      direction: connection.direction,
      since,
      in: stream('receivedBytes'),
      out: stream('sentBytes'),
      unsentBytes: connection.unsentBytes + (tcp?.unsentBytes ?? 0),
      ...(tcp === undefined
        ? {}
        : {
            roundTripMs: tcp.roundTripMs,
            retransmissionsPerSecond: past.rate(old?.tcp?.retransmissions, tcp.retransmissions, since),
          }),
    };
  });
}

/** On a client all connections have the same peer, and two may be of the same moment. */
export function numbered<T extends { readonly peer: string; readonly since: string }>(
  connections: readonly T[],
): [key: string, connection: T][] {
  const seen = new Map<string, number>();
  return connections.map((connection) => {
    const key = `${connection.peer} ${connection.since}`;
    const count = seen.get(key) ?? 0;
    seen.set(key, count + 1);
    return [`${key} ${count}`, connection];
  });
}

function sum(ways: readonly Way[], known: boolean): Way {
  const add = (pick: (way: Way) => number | null) => ways.reduce((all, way) => all + (pick(way) ?? 0), 0);
  return {
    bytesPerSecond: known ? add((way) => way.bytesPerSecond) : null,
    framesPerSecond: known ? add((way) => way.framesPerSecond) : null,
    bytes: add((way) => way.bytes),
    frames: add((way) => way.frames),
  };
}

function sumDrops(drops: readonly Drops[], known: boolean): Drops {
  const add = (records: readonly (Readonly<Record<string, number>> | null)[]) => {
    const all: Record<string, number> = {};
    for (const record of records) {
      for (const [cause, count] of Object.entries(record ?? {})) all[cause] = (all[cause] ?? 0) + count;
    }
    return all;
  };
  return {
    perSecond: known ? add(drops.map(({ perSecond }) => perSecond)) : null,
    total: add(drops.map(({ total }) => total)),
  };
}
