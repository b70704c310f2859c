/** Cascades and loops of a status, for people. */

import type { CascadeStatus, HubStatus } from '../engine/admin/status.ts';
import { formatBytes, formatCount, formatDuration, printable, table } from './text.ts';

/** With `of` the hub is shown that a cascade belongs to. */
export function cascadeTable(cascades: readonly (CascadeStatus & { readonly of?: string })[], nowMs: number): string[] {
  const several = cascades.some(({ of }) => of !== undefined);
  const header = ['CASCADE', 'STATE', 'TO', 'CONNECTIONS', 'SINCE', 'IN', 'OUT', 'DROPPED', 'NOTE'];
  return table(
    several ? ['HUB', ...header] : header,
    cascades.map((cascade) => (several ? [printable(cascade.of ?? ''), ...row(cascade, nowMs)] : row(cascade, nowMs))),
  );
}

export function loopLines({ loops = [] }: HubStatus, nowMs: number): string[] {
  return loops.map(({ blocked, open, through, since }) => {
    const by = through.length === 0 ? '' : ` through ${through.map(printable).join(', ')}`;
    return `loop: ${printable(blocked)} and ${printable(open)} lead to the same place${by}; ${printable(blocked)} is blocked, for ${formatDuration(nowMs - Date.parse(since))}`;
  });
}

function row(cascade: CascadeStatus, nowMs: number): string[] {
  const { name, state, server, hub, user, port, attempts, lastError } = cascade;
  const where = server === undefined ? `hub ${printable(hub)}` : `${printable(hub)} at ${printable(server)}`;
  const flow = (way: { frames: number; bytes: number } | undefined): string =>
    way === undefined
      ? ''
      : `${formatCount(way.frames)} ${way.frames === 1 ? 'frame' : 'frames'}, ${formatBytes(way.bytes)}`;
  const drops = Object.entries(port?.drops ?? {}).map(([cause, count]) => `${printable(cause)} ${formatCount(count)}`);
  const notes = [
    ...(port?.blocked === undefined ? [] : [`blocked: ${printable(port.blocked)}`]),
    ...(attempts > 1 ? [`${attempts} attempts`] : []),
    ...(lastError === undefined ? [] : [printable(lastError)]),
  ];
  return [
    printable(name),
    state,
    user === undefined ? where : `${where} as ${printable(user)}`,
    port?.connections === undefined ? '' : String(port.connections.length),
    port === undefined ? '' : formatDuration(nowMs - Date.parse(port.since)),
    flow(port?.received),
    flow(port?.sent),
    port === undefined ? '' : drops.join(', ') || '-',
    notes.join('; '),
  ];
}
