/** A node's status for people. */

import type {
  ClassStatus,
  CodecStatus,
  ConnectionStatus,
  HubStatus,
  NodeStatus,
  PortStatus,
  SettingsStatus,
  TrafficStatus,
} from '../engine/admin/status.ts';
import { cascadeTable, loopLines } from './status-cascades.ts';
import { formatBytes, formatCount, formatDuration, printable, table } from './text.ts';

export function formatStatus(status: NodeStatus, nowMs: number): string {
  return [...headLines(status, nowMs), ...status.hubs.flatMap((hub) => ['', ...hubLines(hub, nowMs)])].join('\n');
}

function headLines(status: NodeStatus, nowMs: number): string[] {
  const { core, client, runtime } = status;
  const rows: [string, string][] = [
    ['version', `${status.version} on ${runtime.name} ${runtime.version}`],
    ['process', `${status.pid}, running for ${age(status.since, nowMs)}`],
    ...status.listeners.map((listener, index): [string, string] => [index === 0 ? 'listening on' : '', listener]),
    ...(client === undefined ? [] : clientRows(client, nowMs)),
    ...(status.logins === undefined ? [] : loginRows(status.logins)),
    [
      'core',
      `${core.build}${core.codec === 'wasm' ? '' : `, frames compressed by ${core.codec}`}; ${formatCount(core.frames)} frames in ${formatCount(core.calls)} calls; ` +
        `${formatCount(core.buffersUsed)} of ${formatCount(core.buffersTotal)} buffers in use`,
    ],
  ];
  return [`Etherloom ${status.role}`, ...fields(rows)];
}

/** Nothing to see as long as nobody has failed. */
function loginRows(logins: NonNullable<NodeStatus['logins']>): [string, string][] {
  const { failures, delayed, turnedAway, waiting, slowedSources, slowedUsers } = logins;
  if (failures === 0) return [];
  const text =
    `${formatCount(failures)} failed, ${formatCount(delayed)} slowed, ${formatCount(turnedAway)} turned away; ` +
    `now ${formatCount(waiting)} ${waiting === 1 ? 'waits' : 'wait'}, ` +
    `${formatCount(slowedSources)} ${slowedSources === 1 ? 'source' : 'sources'} and ` +
    `${formatCount(slowedUsers)} ${slowedUsers === 1 ? 'user' : 'users'} slowed`;
  return [['logins', text]];
}

function clientRows(client: NonNullable<NodeStatus['client']>, nowMs: number): [string, string][] {
  const { state, server, hub, user, lastError, attempts, settings } = client;
  return [
    [
      'state',
      attempts > 0
        ? `${state}, ${attempts} ${attempts === 1 ? 'attempt' : 'attempts'} since the session was up`
        : state,
    ],
    ['server', printable(server)],
    ['hub', `${printable(hub)} as ${printable(user)}`],
    ...(lastError === undefined ? [] : [['last error', printable(lastError)] as [string, string]]),
    ...(settings === undefined ? [] : settingsRows(settings, nowMs)),
  ];
}

const ORIGINS = { profile: 'the profile', dhcp: 'DHCP', dhcpv6: 'DHCPv6', slaac: 'a router advertisement' } as const;

function settingsRows(
  { addresses, routes, dns, killSwitch, servers }: SettingsStatus,
  nowMs: number,
): [string, string][] {
  const until = (name: string, at: string | undefined) =>
    at === undefined ? '' : `, ${name} in ${formatDuration(Math.max(0, Date.parse(at) - nowMs))}`;
  const rows = (name: string, lines: readonly string[]) =>
    lines.map((line, index): [string, string] => [index === 0 ? name : '', line]);
  const search = dns === undefined || dns.search.length === 0 ? '' : `, searching ${dns.search.join(', ')}`;
  return [
    ...rows(
      'address',
      addresses.map(
        ({ address, origin, server, renews, expires }) =>
          `${address} from ${ORIGINS[origin]}${server === undefined ? '' : ` at ${server}`}` +
          `${until('renews', renews)}${until('expires', expires)}`,
      ),
    ),
    ...rows(
      'route',
      routes.map(
        ({ to, via, origin }) =>
          `${to}${via === undefined ? '' : ` by ${via}`}${origin === 'dhcp' ? ', from DHCP' : ''}`,
      ),
    ),
    ...rows('without tunnel', servers.length === 0 ? [] : [servers.join(', ')]),
    ...rows('DNS', dns === undefined ? [] : [`${dns.servers.join(', ')}${search}`]),
    ...rows('kill switch', killSwitch ? ['on'] : []),
  ];
}

function hubLines(hub: HubStatus, nowMs: number): string[] {
  const { sessions, taps, bridges } = hub;
  const count = (ports: readonly unknown[], name: string) => `${ports.length} ${name}${ports.length === 1 ? '' : 's'}`;
  const lines = [
    `Hub ${printable(hub.name)}: ${count(sessions, 'session')}, ${count(taps, 'TAP')}, ${bridges.length === 0 ? '' : `${count(bridges, 'bridge')}, `}${formatCount(hub.fdb)} ${hub.fdb === 1 ? 'address' : 'addresses'} in the forwarding table`,
  ];
  if (sessions.length > 0) {
    lines.push(
      ...indent(
        table(
          ['SESSION', 'USER', 'PEER', 'CONNECTIONS', 'SINCE', 'IN', 'OUT', 'QUEUE', 'DROPPED'],
          sessions.map((session) => sessionRow(session, nowMs)),
          [3],
        ),
      ),
    );
  }
  if (taps.length > 0) {
    lines.push(
      ...indent(
        table(
          ['TAP', 'SINCE', 'IN', 'OUT', 'QUEUE', 'DROPPED'],
          taps.map((tap) => [
            printable(tap.name),
            age(tap.since, nowMs),
            traffic(tap.received),
            traffic(tap.sent),
            formatBytes(tap.queuedBytes),
            drops(tap),
          ]),
        ),
      ),
    );
  }
  if (bridges.length > 0) {
    lines.push(
      ...indent(
        table(
          ['BRIDGE', 'STATE', 'SINCE', 'MTU', 'IN', 'OUT', 'QUEUE', 'DROPPED'],
          bridges.map((bridge) => [
            printable(bridge.name),
            bridge.lastError === undefined ? bridge.state : `${bridge.state}: ${printable(bridge.lastError)}`,
            age(bridge.since, nowMs),
            bridge.mtu === undefined ? '' : String(bridge.mtu),
            traffic(bridge.received),
            traffic(bridge.sent),
            formatBytes(bridge.queuedBytes),
            drops(bridge),
          ]),
        ),
      ),
    );
  }
  const { cascades = [] } = hub;
  if (cascades.length > 0) lines.push(...indent(cascadeTable(cascades, nowMs)));
  lines.push(...indent(loopLines(hub, nowMs)));
  const withSessions = [...sessions, ...cascades.flatMap(({ port }) => (port === undefined ? [] : [port]))];
  const classes = withSessions.flatMap((session) => classRows(session));
  if (classes.length > 0) {
    lines.push(...indent(table(['CLASS OF', 'CLASS', 'OUT', 'DROPPED', 'HALF WAITED', '99 % WAITED'], classes)));
  }
  const compressed = withSessions.flatMap((session) => compressionRows(session));
  if (compressed.length > 0) {
    lines.push(...indent(table(['COMPRESSION OF', 'WAY', 'FRAMES', 'IN THE TUNNEL', 'SAVED', 'TIME'], compressed)));
  }
  const connections = withSessions.flatMap((session) =>
    (session.connections ?? []).map((connection) => connectionRow(session, connection)),
  );
  if (connections.length > 0) {
    const header = [
      'CONNECTION OF',
      'PEER',
      'DIRECTION',
      'AGE',
      'IN',
      'OUT',
      'SHARE',
      'UNSENT',
      'DRAINS',
      'ROUND TRIP',
      'CONTROL',
      'RESENT',
      'LAST IN',
      'PROTOCOL',
      'CIPHER',
    ];
    lines.push(...indent(table(header, connections)));
  }
  return lines;
}

function sessionRow(session: PortStatus, nowMs: number): string[] {
  const connections = session.connections ?? [];
  return [
    printable(session.name),
    printable(session.user ?? ''),
    printable(session.peer ?? ''),
    String(connections.length),
    age(session.since, nowMs),
    traffic(session.received),
    traffic(session.sent),
    formatBytes(session.queuedBytes),
    drops(session),
  ];
}

function compressionRows({ name, compression }: PortStatus): string[][] {
  if (compression === undefined) return [];
  const row = (way: string, { bytes, compressedBytes, savedPercent, ms }: CodecStatus) => [
    printable(name),
    way,
    formatBytes(bytes),
    formatBytes(compressedBytes),
    `${savedPercent} %`,
    formatDuration(ms),
  ];
  return [row('in', compression.received), row('out', compression.sent)];
}

function classRows({ name, classes }: PortStatus): string[][] {
  if (classes === undefined) return [];
  const row = (which: string, { frames, bytes, drops: lost, delayMs }: ClassStatus) => [
    printable(name),
    which,
    traffic({ frames, bytes }),
    formatCount(lost),
    `${delayMs.p50.toFixed(1)} ms`,
    `${delayMs.p99.toFixed(1)} ms`,
  ];
  return [row('bulk', classes.bulk), row('priority', classes.priority)];
}

function connectionRow(session: PortStatus, connection: ConnectionStatus): string[] {
  const { tcp } = connection;
  return [
    printable(session.name),
    printable(connection.peer),
    connection.direction,
    formatDuration(connection.ageSeconds * 1000),
    formatBytes(connection.receivedBytes),
    formatBytes(connection.sentBytes),
    `${connection.sentPercent} %`,
    formatBytes(connection.unsentBytes + (tcp?.unsentBytes ?? 0)),
    tcp?.drainRate === undefined ? '' : `${formatBytes(tcp.drainRate)}/s`,
    tcp === undefined ? '' : `${tcp.roundTripMs.toFixed(1)} ms`,
    printable(tcp?.congestion ?? ''),
    tcp === undefined ? '' : String(tcp.retransmissions),
    `${formatDuration(connection.lastReceivedMs)} ago`,
    printable(connection.protocol),
    printable(connection.cipher),
  ];
}

function traffic({ frames, bytes }: TrafficStatus): string {
  return `${formatCount(frames)} ${frames === 1 ? 'frame' : 'frames'}, ${formatBytes(bytes)}`;
}

function drops({ drops: causes, blocked }: PortStatus): string {
  const text = Object.entries(causes).map(([cause, count]) => `${printable(cause)} ${formatCount(count)}`);
  return [...(blocked === undefined ? [] : [`blocked: ${printable(blocked)}`]), ...text].join(', ') || '-';
}

function age(since: string, nowMs: number): string {
  const start = Date.parse(since);
  return Number.isNaN(start) ? '?' : formatDuration(nowMs - start);
}

function fields(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`);
}

function indent(lines: readonly string[], by = 2): string[] {
  return lines.map((line) => ' '.repeat(by) + line);
}
