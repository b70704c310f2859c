/** One picture of the screen: what is seen, how much room there is and where it is scrolled to, as lines of text. */

import { formatBytes, formatCount, printable } from '../text.ts';
import { formatClock, formatDrops, formatMs, formatPerSecond, formatRate } from './format.ts';
import { type History, historyKey, sparkline } from './history.ts';
import {
  byRate,
  type ClassView,
  type ConnectionView,
  type NodeView,
  numbered,
  type PortView,
  type Stream,
  type Way,
} from './view.ts';

export interface FrameRequest {
  readonly nodes: readonly NodeView[];
  readonly history: History;
  readonly columns: number;
  readonly rows: number;
  /** The first row that is seen; corrected when there is less. */
  readonly offset: number;
  /** Whether the classes and connections of each session are shown. */
  readonly details: boolean;
  readonly date: number;
  /** Seconds. */
  readonly interval: number;
}

export interface Frame {
  /** As many as there are rows at the most, none wider than the screen. */
  readonly lines: readonly string[];
  readonly offset: number;
  /** Rows of the table that are seen at once. */
  readonly page: number;
}

export function renderFrame(request: FrameRequest): Frame {
  const { nodes, columns, rows, date, interval } = request;
  const layout = layOut(columns);
  const table = tableRows(request);
  const page = Math.max(1, rows - FIXED_LINES);
  const offset = Math.max(0, Math.min(request.offset, table.length - page));
  const seen = table.slice(offset, offset + page);
  const count = (number: number, what: string) => `${formatCount(number)} ${what}${number === 1 ? '' : 's'}`;
  const sessions = nodes.reduce((all, node) => all + node.sessions, 0);
  const head = `Etherloom at ${formatClock(date)}, every ${interval} s: ${count(nodes.length, 'node')}, ${count(sessions, 'session')}`;
  const position =
    table.length <= page ? '' : `  rows ${offset + 1} to ${offset + seen.length} of ${formatCount(table.length)}`;
  const foot = `q ends, d ${request.details ? 'hides' : 'shows'} details, arrows, PgUp and PgDn scroll${position}`;
  const body = table.length === 0 ? ['no node is running'] : seen.map((row) => row(layout));
  const lines = [head, headerOf(layout), ...body, foot];
  return { lines: lines.slice(0, rows).map((line) => clip(line, columns)), offset, page };
}

/** The head, the names of the columns, and the keys. */
const FIXED_LINES = 3;

type ColumnName = 'name' | 'in' | 'out' | 'history' | 'delay' | 'drops' | 'queue' | 'totalIn' | 'totalOut';

interface Column {
  readonly name: ColumnName;
  readonly title: string;
  readonly width: number;
}

type Row = (layout: readonly Column[]) => string;
type Cells = Readonly<Partial<Record<Exclude<ColumnName, 'history'>, string>>> & {
  readonly values?: readonly number[];
};

const NAME = 22;
const HISTORY = 10;

/** In the order in which they stand. `need` says which go first when the screen is narrow. */
const COLUMNS: readonly (Column & { readonly need: number })[] = [
  { name: 'name', title: '', width: NAME, need: 0 },
  { name: 'in', title: 'IN', width: 12, need: 1 },
  { name: 'out', title: 'OUT', width: 12, need: 2 },
  { name: 'history', title: 'BOTH', width: HISTORY, need: 3 },
  { name: 'delay', title: 'DELAY', width: 16, need: 4 },
  { name: 'queue', title: 'QUEUE', width: 10, need: 6 },
  { name: 'totalIn', title: 'ALL IN', width: 10, need: 7 },
  { name: 'totalOut', title: 'ALL OUT', width: 10, need: 8 },
  { name: 'drops', title: 'DROPS/S', width: 16, need: 5 },
];
const GAP = 2;
const MAX_HISTORY = 60;
const MAX_NAME = 44;

/** As many columns as fit, and what is left to the history and the names. */
function layOut(columns: number): readonly Column[] {
  const taken = new Set<ColumnName>();
  let left = columns + GAP;
  for (const { name, width } of [...COLUMNS].sort((a, b) => a.need - b.need)) {
    if (width + GAP > left && taken.size > 0) break;
    taken.add(name);
    left -= width + GAP;
  }
  const more = Math.max(0, left);
  const history = taken.has('history') ? Math.min(more, MAX_HISTORY - HISTORY) : 0;
  const name = Math.min(more - history, MAX_NAME - NAME);
  return COLUMNS.filter((column) => taken.has(column.name)).map((column) => {
    if (column.name === 'history') return { ...column, width: column.width + history };
    return column.name === 'name' ? { ...column, width: column.width + name } : column;
  });
}

function headerOf(layout: readonly Column[]): string {
  return layout.map(({ name, title, width }) => place(name, title, width)).join(' '.repeat(GAP));
}

/** Made when they are seen: a server may have a thousand. */
function tableRows({ nodes, history, details }: FrameRequest): Row[] {
  const rows: Row[] = [];
  for (const node of nodes) {
    if (rows.length > 0) rows.push(() => '');
    rows.push(() => nodeTitle(node));
    if (node.sessions !== 1) {
      rows.push((layout) => cellsLine(layout, nodeCells(node, history.of(historyKey.node(node)))));
    }
    for (const hub of node.hubs) {
      if (node.hubs.length > 1) rows.push(() => ` hub ${printable(hub.name)}, ${formatCount(hub.fdb)} addresses`);
      for (const session of [...hub.sessions].sort(byRate)) {
        const key = historyKey.port(node, hub.name, 'session', session.name);
        rows.push((layout) => cellsLine(layout, portCells(session, history.of(key))));
        if (!details) continue;
        for (const which of ['priority', 'bulk'] as const) {
          const found = session.classes?.[which];
          if (found !== undefined) rows.push((layout) => cellsLine(layout, classCells(which, found)));
        }
        for (const [name, connection] of numbered(session.connections ?? [])) {
          const values = () => history.of(historyKey.connection(key, name));
          rows.push((layout) => cellsLine(layout, connectionCells(connection, values())));
        }
      }
      for (const tap of hub.taps) {
        const values = () => history.of(historyKey.port(node, hub.name, 'tap', tap.name));
        rows.push((layout) => cellsLine(layout, { ...portCells(tap, values()), name: ` TAP ${printable(tap.name)}` }));
      }
    }
  }
  return rows;
}

function nodeTitle({ role, name, pid, state, server }: NodeView): string {
  const about = [state, server].flatMap((text) => (text === undefined ? [] : printable(text)));
  return [`${role}${name === undefined ? '' : ` ${printable(name)}`}, process ${pid}`, ...about].join(', ');
}

function nodeCells(node: NodeView, values: readonly number[]): Cells {
  return {
    ...wayCells(node.in, node.out),
    values,
    name: ` all ${formatCount(node.sessions)} sessions`,
    queue: formatBytes(node.queuedBytes),
    drops: formatDrops(node.drops.perSecond),
  };
}

function portCells(port: PortView, values: readonly number[]): Cells {
  return {
    ...wayCells(port.in, port.out),
    values,
    name: ` ${printable(port.name)}${port.user === undefined ? '' : ` (${printable(port.user)})`}`,
    delay: formatMs(port.roundTripMs),
    queue: formatBytes(port.queuedBytes),
    drops: formatDrops(port.drops.perSecond),
  };
}

/** What leaves in one class, and how long half of it waits in the queue, and all but one in a hundred. */
function classCells(name: 'bulk' | 'priority', found: ClassView): Cells {
  const { p50, p99 } = found.delayMs;
  return {
    name: `  ${name} waits`,
    out: formatRate(found.bytesPerSecond),
    totalOut: formatBytes(found.bytes),
    delay: `${p50.toFixed(1)} / ${p99.toFixed(1)} ms`,
    drops: found.dropsPerSecond === null ? '-' : formatPerSecond(found.dropsPerSecond),
  };
}

function connectionCells(connection: ConnectionView, values: readonly number[]): Cells {
  const arrow = { both: '↔', 'client-to-server': '→', 'server-to-client': '←' }[connection.direction];
  return {
    ...wayCells(connection.in, connection.out),
    values,
    name: `  ${arrow} ${printable(connection.peer)}`,
    delay: formatMs(connection.roundTripMs),
    queue: formatBytes(connection.unsentBytes),
  };
}

function wayCells(into: Way | Stream, out: Way | Stream): Cells {
  return {
    in: formatRate(into.bytesPerSecond),
    out: formatRate(out.bytesPerSecond),
    totalIn: formatBytes(into.bytes),
    totalOut: formatBytes(out.bytes),
  };
}

function cellsLine(layout: readonly Column[], cells: Cells): string {
  return layout
    .map(({ name, width }) =>
      name === 'history' ? sparkline(cells.values ?? [], width) : place(name, cells[name] ?? '', width),
    )
    .join(' '.repeat(GAP));
}

function place(name: ColumnName, text: string, width: number): string {
  // The last one may be as long as it likes: the screen ends it.
  if (name === 'drops') return text;
  const cut = clip(text, width);
  return name === 'name' || name === 'history' ? cut.padEnd(width) : cut.padStart(width);
}

/** Of what is too long the end is missing, and that is shown. */
function clip(text: string, width: number): string {
  const characters = [...text];
  return characters.length <= width ? text : `${characters.slice(0, Math.max(0, width - 1)).join('')}…`;
}
