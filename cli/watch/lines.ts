/** What `etherloom watch` prints without a terminal: a line for each node, or one object for all of them. */

import { formatBytes, formatCount, printable } from '../text.ts';
import { formatClock, formatDrops, formatMs, formatRate } from './format.ts';
import type { NodeView } from './view.ts';

export function viewJson(nodes: readonly NodeView[], date: number): string {
  const shown = nodes.map(({ key: _, ...node }) => node);
  return JSON.stringify({ time: new Date(date).toISOString(), nodes: shown }, (_, value) =>
    // Thousandths are enough of a rate.
    typeof value === 'number' && !Number.isInteger(value) ? Math.round(value * 1000) / 1000 : value,
  );
}

export function viewLines(nodes: readonly NodeView[], date: number): readonly string[] {
  const clock = formatClock(date);
  if (nodes.length === 0) return [`${clock} no node is running`];
  return nodes.map((node) => {
    const { role, name, pid, state, sessions } = node;
    const trips = node.hubs.flatMap((hub) => hub.sessions.flatMap(({ roundTripMs }) => roundTripMs ?? []));
    return [
      `${clock} ${role} ${name === undefined ? pid : printable(name)}`,
      ...(state === undefined ? [] : [state]),
      `in ${formatRate(node.in.bytesPerSecond)}`,
      `out ${formatRate(node.out.bytesPerSecond)}`,
      `sessions ${formatCount(sessions)}`,
      `queue ${formatBytes(node.queuedBytes)}`,
      `drops ${formatDrops(node.drops.perSecond)}`,
      ...(trips.length === 1 ? [`round trip ${formatMs(trips[0])}`] : []),
    ].join('  ');
  });
}
