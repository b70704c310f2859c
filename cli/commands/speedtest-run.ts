/** `etherloom speedtest` and `etherloom speedtest server`. */

import { formatServer, type ServerAddress } from '../../engine/config/server-address.ts';
import { type RunningSpeedtest, SpeedtestFailure } from '../../engine/speedtest/client.ts';
import { SPEEDTEST_PORT } from '../../engine/speedtest/wire.ts';
import type { Context } from '../context.ts';
import { Failure, failureOfHost } from '../failure.ts';
import { type Io, print, printLine } from '../io.ts';
import { createLog } from '../log.ts';
import { BAR_MS, bar, progressJson, resultLines } from '../speedtest-text.ts';
import { aborted, stopOnSignals } from '../stop.ts';
import { within } from '../within.ts';
import type { SpeedtestFlags, SpeedtestServerFlags } from './speedtest.ts';

export async function runSpeedtest(
  server: ServerAddress | undefined,
  flags: SpeedtestFlags,
  { environment, io }: Context,
): Promise<void> {
  if (server === undefined) {
    const hint = 'name the machine on which `etherloom speedtest server` runs: etherloom speedtest HOST';
    throw new Failure('usage', 'missing the host to measure against', hint);
  }
  const { type, connections, duration, raw = false, double = false } = flags;
  if (type === 'full' && connections < 2) {
    const hint = 'use --connections 2 or more, or --type download or --type upload';
    throw new Failure('usage', 'both ways at once need two connections, one for each', hint);
  }
  const stop = stopOnSignals(io);
  try {
    const { host, startSpeedtest } = await environment.load();
    const run = startSpeedtest(host, { ...server, type, connections, durationMs: duration * 1000, raw, double });
    const interrupted = aborted(stop.signal).then(() => run.abort());
    const hide = showProgress(run, duration * 1000, flags, io);
    try {
      const result = await run.result;
      hide();
      if (flags.json)
        printLine(io.stdout, JSON.stringify({ event: 'result', server: formatServer(server), ...result }));
      else for (const line of resultLines(formatServer(server), result)) printLine(io.stdout, line);
    } catch (thrown) {
      hide();
      if (stop.signal.aborted) throw new Failure('interrupted', 'the measurement was interrupted');
      if (thrown instanceof SpeedtestFailure) {
        const hint = 'the other machine has to run `etherloom speedtest server`, or TrafficServer of vpncmd';
        throw new Failure('unreachable', `cannot measure against ${formatServer(server)}: ${thrown.message}`, hint);
      }
      throw thrown;
    } finally {
      void interrupted;
    }
  } finally {
    stop.dispose();
  }
}

export async function runSpeedtestServer(flags: SpeedtestServerFlags, { environment, io }: Context): Promise<void> {
  const stop = stopOnSignals(io);
  try {
    const log = createLog({
      level: flags.logLevel ?? 'info',
      format: flags.logFormat ?? 'text',
      color: io.stderr.isTTY === true,
      write: (text) => print(io.stderr, text),
    });
    const { host, startSpeedtestServer } = await environment.load();
    const listen = flags.listen ?? [{ host: '0.0.0.0', port: SPEEDTEST_PORT }];
    const server = await startSpeedtestServer(host, { listen }, log, (run) => {
      if (flags.json) printLine(io.stdout, JSON.stringify({ event: 'run', ...run }));
    }).catch((thrown: unknown) => {
      throw failureOfHost(thrown) ?? thrown;
    });
    try {
      const { listeners } = server;
      if (flags.json) printLine(io.stdout, JSON.stringify({ event: 'listening', listeners, pid: io.pid }));
      else for (const listener of listeners) printLine(io.stdout, `listening on ${listener}`);
      await aborted(stop.signal);
      log('info', 'ending', { signal: stop.signal.reason });
    } finally {
      await within(5_000, server.close(), 'the server did not close its connections');
    }
  } finally {
    stop.dispose();
  }
}

/** Of a terminal a bar, of `--json` a line each second. @returns Takes the bar away. */
function showProgress(run: RunningSpeedtest, durationMs: number, { json }: SpeedtestFlags, io: Io): () => void {
  const live = json !== true && io.stderr.isTTY === true;
  if (!json && !live) return () => {};
  let before = run.progress();
  const timer = setInterval(
    () => {
      const now = run.progress();
      if (json) printLine(io.stdout, progressJson(now, before));
      else print(io.stderr, `\r\x1b[K${bar(now, before, durationMs, io.stderr.columns ?? 80)}`);
      before = now;
    },
    json ? 1_000 : BAR_MS,
  );
  return () => {
    clearInterval(timer);
    if (live) print(io.stderr, '\r\x1b[K');
  };
}
