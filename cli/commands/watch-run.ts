/** `etherloom watch`. */

import type { Context } from '../context.ts';
import { requestStatus } from '../control-client.ts';
import { Failure } from '../failure.ts';
import { type Io, printLine } from '../io.ts';
import { requireNodes } from '../nodes.ts';
import { stopOnSignals } from '../stop.ts';
import { renderFrame } from '../watch/frame.ts';
import { History } from '../watch/history.ts';
import { parseKeys } from '../watch/keys.ts';
import { viewJson, viewLines } from '../watch/lines.ts';
import { Sampler } from '../watch/sampler.ts';
import { openScreen } from '../watch/screen.ts';
import { busiest, type NodeView, type Sample, viewNode } from '../watch/view.ts';
import type { WatchFlags } from './watch.ts';

export async function runWatch(name: string | undefined, flags: WatchFlags, { io }: Context): Promise<void> {
  if (flags.socket !== undefined && name !== undefined) {
    throw new Failure('usage', '--socket shows one node, a NAME others: use only one of them');
  }
  // Those that come later are shown too; but a wrong name should not look like a quiet one.
  if (flags.socket === undefined) await requireNodes(io, name);
  else await requestStatus(flags.socket);
  const ended = new AbortController();
  const stop = stopOnSignals(io);
  stop.signal.addEventListener('abort', () => ended.abort());
  const sampler = new Sampler({ io, name, socket: flags.socket });
  const show = flags.json || io.stdout.isTTY !== true ? printed(flags, io) : onScreen(flags, io, () => ended.abort());
  try {
    await watch(sampler, show, flags, ended.signal);
  } finally {
    show.close();
    sampler.close();
    stop.dispose();
  }
}

interface Show {
  /** @param known Whether there are rates: there are none at the first look. */
  take(nodes: readonly NodeView[], date: number, known: boolean): void;
  close(): void;
}

async function watch(sampler: Sampler, show: Show, flags: WatchFlags, signal: AbortSignal): Promise<void> {
  let before = new Map<string, Sample>();
  let next = performance.now();
  for (let count = 0; ; count++) {
    const samples = await sampler.sample();
    if (signal.aborted) return;
    const views = samples.map((sample) => viewNode(before.get(sample.key), sample));
    before = new Map(samples.map((sample) => [sample.key, sample]));
    show.take(views, Date.now(), count > 0);
    if (flags.count !== undefined && count >= flags.count) return;
    // In step with the clock; what a slow answer took is not made up for.
    next = Math.max(next + flags.interval * 1000, performance.now());
    await pause(next - performance.now(), signal);
    if (signal.aborted) return;
  }
}

const MANY_SESSIONS = 10;

function topOf(nodes: readonly NodeView[], { top }: WatchFlags): readonly NodeView[] {
  return top === undefined ? nodes : nodes.map((node) => busiest(node, top));
}

function printed(flags: WatchFlags, io: Io): Show {
  return {
    take(all, date, known) {
      if (!known) return;
      const nodes = topOf(all, flags);
      if (flags.json) printLine(io.stdout, viewJson(nodes, date));
      else for (const line of viewLines(nodes, date)) printLine(io.stdout, line);
    },
    close() {},
  };
}

function onScreen(flags: WatchFlags, io: Io, quit: () => void): Show {
  const history = new History();
  let seen: { readonly nodes: readonly NodeView[]; readonly date: number } | undefined;
  let offset = 0;
  let page = 1;
  let details: boolean | undefined;
  const draw = () => {
    if (seen === undefined) return;
    const { columns, rows } = screen;
    // Of many sessions nobody looks for the single ones first.
    details ??= seen.nodes.reduce((all, node) => all + node.sessions, 0) <= MANY_SESSIONS;
    const frame = renderFrame({ ...seen, history, columns, rows, offset, details, interval: flags.interval });
    ({ offset, page } = frame);
    screen.draw(frame.lines);
  };
  const screen = openScreen({
    io,
    onInput(text) {
      for (const key of parseKeys(text)) {
        if (key === 'quit') quit();
        if (key === 'details') details = !details;
        offset = scrolled(key, offset, page);
      }
      draw();
    },
    onResize: draw,
  });
  return {
    take(nodes, date) {
      seen = { nodes: topOf(nodes, flags), date };
      history.take(nodes);
      draw();
    },
    close: () => screen.close(),
  };
}

/** The frame corrects what is beyond its end. */
function scrolled(key: ReturnType<typeof parseKeys>[number], offset: number, page: number): number {
  if (key === 'up') return offset - 1;
  if (key === 'down') return offset + 1;
  if (key === 'pageUp') return offset - page;
  if (key === 'pageDown') return offset + page;
  if (key === 'home') return 0;
  return key === 'end' ? Number.MAX_SAFE_INTEGER : offset;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}
