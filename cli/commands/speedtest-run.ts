/** `etherloom speedtest HOST`. */

import { formatServer, type ServerAddress } from '../../engine/config/server-address.ts';
import type { SpeedtestEnd, SpeedtestEvent } from '../../engine/speedtest/options.ts';
import type { Context } from '../context.ts';
import { Failure } from '../failure.ts';
import { printLine } from '../io.ts';
import { ProgressBar } from '../progress-bar.ts';
import { formatProgress, formatResult, formatStart } from '../speedtest-text.ts';
import { stopOnSignals } from '../stop.ts';
import type { SpeedtestFlags } from './speedtest.ts';

/** Programs want few lines, eyes want to see something move. */
const JSON_EVERY_MS = 1_000;
const BAR_EVERY_MS = 200;

export async function runSpeedtest(
  server: ServerAddress,
  flags: SpeedtestFlags,
  { environment, io }: Context,
): Promise<void> {
  const { type, connections, duration, json } = flags;
  if (type === 'full' && connections < 2) {
    throw new Failure(
      'usage',
      `--type full needs at least 2 connections, one for each way: got ${connections}`,
      'use --connections 2, or one way at a time with --type download or --type upload',
    );
  }
  const stop = stopOnSignals(io);
  const bar = new ProgressBar(json ? undefined : io.stderr);
  try {
    const engine = await environment.load();
    const options = {
      ...server,
      ...{ type, connections, latency: flags.latency, durationMs: duration * 1000 },
      ...{ correction: flags.raw !== true, double: flags.double === true },
      progressMs: json ? JSON_EVERY_MS : BAR_EVERY_MS,
    };
    const tell = (event: SpeedtestEvent): void => {
      const { kind, ...fields } = event;
      if (json) printLine(io.stdout, JSON.stringify({ event: kind, ...fields }));
      else if (event.kind === 'started') printLine(io.stdout, formatStart(formatServer(server), options, event));
      else bar.show(event.elapsedMs / options.durationMs, formatProgress(event, options));
    };
    if (stop.signal.aborted) throw interrupted();
    const test = engine.startSpeedtest(engine.host, options, tell);
    stop.signal.addEventListener('abort', () => test.close(), { once: true });
    const end = await test.ended;
    bar.clear();
    report(end, json === true, (text) => printLine(io.stdout, text));
  } finally {
    bar.clear();
    stop.dispose();
  }
}

function report(end: SpeedtestEnd, json: boolean, say: (text: string) => void): void {
  if (end.kind === 'closed') throw interrupted();
  if (end.kind === 'failed') {
    throw new Failure(
      'unreachable',
      end.message,
      'run `etherloom speedtest server` there, and see that its port can be reached',
    );
  }
  say(json ? JSON.stringify({ event: 'result', ...end.result }) : formatResult(end.result));
}

function interrupted(): Failure {
  return new Failure('interrupted', 'interrupted before the measurement was over: there is no result');
}
