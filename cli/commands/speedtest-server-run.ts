/** `etherloom speedtest server`. */

import { formatServer } from '../../engine/config/server-address.ts';
import type { SpeedtestServerEvent } from '../../engine/speedtest/options.ts';
import type { Context } from '../context.ts';
import { failureOfHost } from '../failure.ts';
import { print, printLine } from '../io.ts';
import { createLog } from '../log.ts';
import { formatRate } from '../speedtest-text.ts';
import { aborted, stopOnSignals } from '../stop.ts';
import { formatBytes } from '../text.ts';
import { within } from '../within.ts';
import type { SpeedtestServerFlags } from './speedtest.ts';

const CLOSE_MS = 5_000;

export async function runSpeedtestServer(flags: SpeedtestServerFlags, { environment, io }: Context): Promise<void> {
  const stop = stopOnSignals(io);
  try {
    const log = createLog({
      level: flags.logLevel ?? 'info',
      format: flags.logFormat ?? 'text',
      color: io.stderr.isTTY === true,
      write: (text) => print(io.stderr, text),
    });
    const engine = await environment.load();
    const tell = (event: SpeedtestServerEvent): void => {
      if (flags.json) printLine(io.stdout, eventJson(event));
      const { kind, ...fields } = event;
      if (kind === 'run-ended') log('info', 'run ended', describe(event));
      else log('info', 'run started', fields);
    };
    const server = await engine.startSpeedtestServer(engine.host, flags.listen, log, tell).catch((thrown: unknown) => {
      throw failureOfHost(thrown) ?? thrown;
    });
    try {
      const line = { event: 'listening', listener: server.listener, version: environment.version, pid: io.pid };
      printLine(io.stdout, flags.json ? JSON.stringify(line) : `listening on ${server.listener}`);
      await aborted(stop.signal);
      log('info', 'ending', { signal: stop.signal.reason });
    } finally {
      await within(
        CLOSE_MS,
        server.close(),
        `the server on ${formatServer(flags.listen)} did not close its connections`,
      );
    }
  } finally {
    stop.dispose();
  }
}

function eventJson({ kind, ...fields }: SpeedtestServerEvent): string {
  return JSON.stringify({ event: kind, ...fields });
}

/** What a person wants to know of a run: who, which way, how much and how fast. */
function describe(event: Extract<SpeedtestServerEvent, { kind: 'run-ended' }>): Readonly<Record<string, unknown>> {
  const { peer, direction, connections, durationMs } = event;
  const way = (bytes: number, bitsPerSecond: number): string => `${formatBytes(bytes)}, ${formatRate(bitsPerSecond)}`;
  return {
    ...{ peer, direction, connections, seconds: durationMs / 1000 },
    ...(direction === 'download' ? {} : { received: way(event.receivedBytes, event.receivedBitsPerSecond) }),
    ...(direction === 'upload' ? {} : { sent: way(event.sentBytes, event.sentBitsPerSecond) }),
  };
}
