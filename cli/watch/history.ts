/** What rates were, and how they are drawn. */

import { type NodeView, numbered, rateOf } from './view.ts';

/** Keys of what has a history. */
export const historyKey = {
  node: ({ key }: NodeView) => key,
  port: (node: NodeView, hub: string, kind: 'session' | 'tap', name: string) => `${node.key} ${hub} ${kind} ${name}`,
  connection: (port: string, connection: string) => `${port} ${connection}`,
};

export class History {
  readonly #rows = new Map<string, number[]>();
  readonly #capacity: number;

  /** @param capacity Values kept of each row: the widest drawing. */
  constructor(capacity = 240) {
    this.#capacity = capacity;
  }

  /** The newest last; empty for what is not known. */
  of(key: string): readonly number[] {
    return this.#rows.get(key) ?? [];
  }

  /** Rows that are known now; what has gone is forgotten. */
  get size(): number {
    return this.#rows.size;
  }

  /** Takes the rates of one moment. */
  take(nodes: readonly NodeView[]): void {
    const seen = new Set<string>();
    const push = (key: string, row: Parameters<typeof rateOf>[0]) => {
      seen.add(key);
      // Nothing is known at the first sample.
      if (row.in.bytesPerSecond === null && row.out.bytesPerSecond === null) return;
      const values = this.#rows.get(key) ?? [];
      values.push(rateOf(row));
      if (values.length > this.#capacity) values.shift();
      this.#rows.set(key, values);
    };
    for (const node of nodes) {
      push(historyKey.node(node), node);
      for (const hub of node.hubs) {
        for (const kind of ['session', 'tap'] as const) {
          for (const port of kind === 'session' ? hub.sessions : hub.taps) {
            const key = historyKey.port(node, hub.name, kind, port.name);
            push(key, port);
            for (const [name, connection] of numbered(port.connections ?? [])) {
              push(historyKey.connection(key, name), connection);
            }
          }
        }
      }
    }
    for (const key of this.#rows.keys()) if (!seen.has(key)) this.#rows.delete(key);
  }
}

const BLOCKS = '▁▂▃▄▅▆▇█';

/** The last `width` values, the newest at the right, in eighths of the largest of them. */
export function sparkline(values: readonly number[], width: number): string {
  const shown = values.slice(-width);
  const most = Math.max(0, ...shown);
  const blocks = shown.map((value) => {
    if (value <= 0 || most === 0) return BLOCKS[0]!;
    return BLOCKS[Math.ceil((value / most) * BLOCKS.length) - 1]!;
  });
  return blocks.join('').padStart(width);
}
