import type { ClassCounters, CodecCounters } from '../core.ts';
import type { LoopGuard } from '../loop/guard.ts';
import type { Node, TapPort } from '../node.ts';
import { RELEASE } from '../product.ts';
import type { Session, Tunnel } from '../session/session.ts';
import type {
  ClassStatus,
  CodecStatus,
  CompressionStatus,
  ConnectionStatus,
  CoreStatus,
  HubStatus,
  NodeStatus,
  PortStatus,
  TcpStatus,
} from './status.ts';

/** The parts of a status that a server and a client have in common. */

export function nodeSnapshot(
  node: Node,
  role: NodeStatus['role'],
): Pick<NodeStatus, 'version' | 'role' | 'runtime' | 'pid' | 'since' | 'core'> {
  const { name, version, pid } = node.host.runtime;
  return {
    version: RELEASE,
    role,
    runtime: { name, version },
    pid,
    since: new Date(node.since).toISOString(),
    core: coreSnapshot(node),
  };
}

export function tapSnapshot(node: Node, entry: TapPort): PortStatus {
  return { name: entry.tap.name, since: new Date(entry.since).toISOString(), ...deviceSnapshot(node, entry) };
}

/** What a TAP or a bridged interface counts: the kernel's refusals stand beside the core's drops. */
export function deviceSnapshot(
  node: Node,
  entry: TapPort,
): Pick<PortStatus, 'queuedBytes' | 'received' | 'sent' | 'drops'> {
  const port = portSnapshot(node, entry.port);
  return { ...port, drops: { ...port.drops, ...entry.tap.lost?.() } };
}

export function linkSnapshot(node: Node, port: number, name: string, since: number): PortStatus {
  return { name, since: new Date(since).toISOString(), ...portSnapshot(node, port) };
}

export function loopsSnapshot(node: Node, guard: LoopGuard): Pick<HubStatus, 'identity' | 'loops'> {
  return {
    identity: guard.identity,
    loops: guard.loops.map(({ blocked, open, hubs, since }) => ({
      blocked,
      open,
      through: hubs,
      since: node.date(since),
    })),
  };
}

/** The port's status, and why it is blocked if it is. */
export function withBlock(status: PortStatus, guard: LoopGuard, port: number): PortStatus {
  const blocked = guard.blocked(port);
  return blocked === undefined ? status : { ...status, blocked };
}

export function sessionSnapshot(
  node: Node,
  session: Session,
  about: {
    readonly name: string;
    readonly user: string;
    readonly since: number;
    readonly encrypted: boolean;
    readonly compressed: boolean;
  },
): PortStatus {
  const all = session.tunnels.reduce((sum, tunnel) => sum + node.core.connectionBytes(tunnel.connection).sent, 0);
  const connections = session.tunnels.map((tunnel): ConnectionStatus => {
    const { remote, security } = tunnel.channel;
    const { received, sent, unsent } = node.core.connectionBytes(tunnel.connection);
    const tcp = tcpSnapshot(node, tunnel);
    return {
      peer: `${remote.address}:${remote.port}`,
      protocol: security?.protocol ?? 'unknown',
      cipher: about.encrypted ? (security?.cipher ?? 'unknown') : 'none',
      since: node.date(tunnel.since),
      ageSeconds: Math.round((node.now() - tunnel.since) / 1000),
      direction: DIRECTIONS[tunnel.direction],
      receivedBytes: received,
      sentBytes: sent,
      unsentBytes: unsent,
      sentPercent: all === 0 ? 0 : Math.round((sent / all) * 1000) / 10,
      ...(tcp === undefined ? {} : { tcp }),
      lastReceivedMs: Math.round(node.now() - node.core.receivedAt(tunnel.connection)),
    };
  });
  const peer = connections[0]?.peer;
  return {
    name: about.name,
    user: about.user,
    ...(peer === undefined ? {} : { peer }),
    connections,
    since: new Date(about.since).toISOString(),
    classes: classesSnapshot(node, session.port),
    batchesSkipped: node.core.batchesSkipped(session.port),
    batchesResent: node.core.batchesResent(session.port),
    ...(about.compressed ? { compression: compressionSnapshot(node, session.port) } : {}),
    ...portSnapshot(node, session.port),
  };
}

const DIRECTIONS = ['both', 'server-to-client', 'client-to-server'] as const;

function portSnapshot(node: Node, port: number): Pick<PortStatus, 'queuedBytes' | 'received' | 'sent' | 'drops'> {
  const counters = node.core.portCounters(port);
  return {
    queuedBytes: node.core.queuedBytes(port),
    received: { frames: counters.receivedFrames, bytes: counters.receivedBytes },
    sent: { frames: counters.sentFrames, bytes: counters.sentBytes },
    drops: counters.drops,
  };
}

function tcpSnapshot(node: Node, { channel, connection }: Tunnel): TcpStatus | undefined {
  const state = channel.tcp?.();
  if (state === undefined) return undefined;
  const drained = node.plane.drainRate(connection);
  const congestion = channel.congestion?.();
  return {
    roundTripMs: state.roundTripMs,
    leastRoundTripMs: state.leastRoundTripMs,
    unsentBytes: state.unsentBytes,
    retransmissions: state.retransmissions,
    ...(drained === undefined ? {} : { drainRate: Math.round(drained * 1000) }),
    ...(congestion === undefined ? {} : { congestion }),
  };
}

function classesSnapshot(node: Node, port: number): NonNullable<PortStatus['classes']> {
  const { bulk, priority } = node.core.classCounters(port);
  return { bulk: classSnapshot(bulk), priority: classSnapshot(priority) };
}

function classSnapshot({ frames, bytes, drops, delayP50, delayP99 }: ClassCounters): ClassStatus {
  return { frames, bytes, drops, delayMs: { p50: delayP50, p99: delayP99 } };
}

function compressionSnapshot(node: Node, port: number): CompressionStatus {
  const { sent, received } = node.core.compressionCounters(port);
  return { sent: codecSnapshot(sent), received: codecSnapshot(received) };
}

function codecSnapshot({ bytes, compressedBytes, time }: CodecCounters): CodecStatus {
  const saved = bytes === 0 ? 0 : Math.max(0, 1 - compressedBytes / bytes);
  return { bytes, compressedBytes, savedPercent: Math.round(saved * 1000) / 10, ms: Math.round(time) };
}

function coreSnapshot(node: Node): CoreStatus {
  const { core } = node;
  return {
    build: core.build,
    codec: core.codec.name,
    calls: core.calls,
    frames: core.frames,
    buffersUsed: core.buffersTotal - core.buffersFree,
    buffersTotal: core.buffersTotal,
  };
}
