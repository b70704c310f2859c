/**
 * The traffic tool as a program, to be run inside a namespace. Speaks JSON, one object per line:
 *
 *   traffic-main.js server [--port 5201] [--host ::]
 *   traffic-main.js client HOST [--port 5201] [--direction up|down|both] [--flows 1]
 *                          (--bytes N | --seconds N) [--checksum] [--content random|html] [--idle-timeout MS]
 *   traffic-main.js echo-server [--port 5202] [--host 0.0.0.0]
 *   traffic-main.js echo-client HOST [--port 5202] [--count 5] [--interval MS] [--size BYTES]
 *   traffic-main.js stream-receiver --stream N [--port 5203] [--host 0.0.0.0]
 *   traffic-main.js stream-sender HOST --stream N [--port 5203] [--seconds N] [--rate 50] [--size 172]
 *
 * The servers say {"type":"listening","port":N} and run until SIGTERM; the two of the stream then say their result. Exit codes: 0 done, 1 failed or checksum
 * mismatch, 2 wrong usage. A failure is {"type":"error","message":...}.
 */
import { writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { DEFAULT_TRAFFIC_PORT, type Direction, runTrafficClient, startTrafficServer } from './traffic.ts';
import { CONTENTS, type Content } from './traffic-content.ts';
import { DEFAULT_ECHO_PORT, runEchoClient, startEchoServer } from './udp-echo.ts';
import { DEFAULT_STREAM_PORT, runStreamSender, startStreamReceiver } from './udp-stream.ts';

/** Synchronous: a line must be out before the process ends, on both runtimes. */
function say(object: unknown): void {
  writeSync(1, `${JSON.stringify(object)}\n`);
}

function number(text: string | undefined, name: string): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0) throw new UsageError(`--${name}: expected a number, got "${text}"`);
  return value;
}

class UsageError extends Error {}

async function main(): Promise<number> {
  const { values, positionals } = parse();
  const [command, host] = positionals;
  const port = number(values.port, 'port');
  switch (command) {
    case 'server': {
      const server = await startTrafficServer(port ?? DEFAULT_TRAFFIC_PORT, values.host ?? '::');
      say({ type: 'listening', port: server.port });
      return await new Promise<never>(() => {});
    }
    case 'echo-server': {
      await startEchoServer(port ?? DEFAULT_ECHO_PORT, values.host ?? '0.0.0.0');
      say({ type: 'listening', port: port ?? DEFAULT_ECHO_PORT });
      return await new Promise<never>(() => {});
    }
    case 'client': {
      const direction = (values.direction ?? 'up') as Direction;
      if (!['up', 'down', 'both'].includes(direction)) throw new UsageError(`--direction: got "${direction}"`);
      const content = (values.content ?? 'random') as Content;
      if (!CONTENTS.includes(content)) throw new UsageError(`--content: got "${content}"`);
      const bytes = number(values.bytes, 'bytes');
      const seconds = number(values.seconds, 'seconds');
      if (host === undefined || (bytes === undefined) === (seconds === undefined)) {
        throw new UsageError('client HOST (--bytes N | --seconds N)');
      }
      const idleTimeoutMs = number(values['idle-timeout'], 'idle-timeout');
      const result = await runTrafficClient(
        {
          ...{
            host,
            direction,
            flows: number(values.flows, 'flows') ?? 1,
            checksum: values.checksum ?? false,
            content,
          },
          ...(port === undefined ? {} : { port }),
          ...(bytes === undefined ? {} : { bytes }),
          ...(seconds === undefined ? {} : { seconds }),
          ...(idleTimeoutMs === undefined ? {} : { idleTimeoutMs }),
        },
        say,
      );
      say(result);
      return result.checksum === 'mismatch' ? 1 : 0;
    }
    case 'echo-client': {
      if (host === undefined) throw new UsageError('echo-client HOST');
      const result = await runEchoClient({
        host,
        port: port ?? DEFAULT_ECHO_PORT,
        count: number(values.count, 'count') ?? 5,
        intervalMs: number(values.interval, 'interval') ?? 200,
        size: number(values.size, 'size') ?? 56,
      });
      say({ type: 'result', ...result });
      return 0;
    }
    case 'stream-receiver': {
      const stopped = terminated();
      const receiver = await startStreamReceiver(streamNumber(values.stream), port ?? DEFAULT_STREAM_PORT, values.host);
      say({ type: 'listening', port: receiver.port });
      await stopped;
      say({ type: 'result', ...receiver.finish() });
      return 0;
    }
    case 'stream-sender': {
      if (host === undefined) throw new UsageError('stream-sender HOST');
      const stop = new AbortController();
      void terminated().then(() => stop.abort());
      const seconds = number(values.seconds, 'seconds');
      const options = {
        ...{ host, stream: streamNumber(values.stream), port: port ?? DEFAULT_STREAM_PORT },
        ...{ rate: number(values.rate, 'rate') ?? 50, size: number(values.size, 'size') ?? 172 },
      };
      say({ type: 'sending' });
      const sent = await runStreamSender(seconds === undefined ? options : { ...options, seconds }, stop.signal);
      say({ type: 'result', ...sent });
      return 0;
    }
    default:
      throw new UsageError('expected server, client, echo-server, echo-client, stream-receiver or stream-sender');
  }
}

function streamNumber(text: string | undefined): number {
  const value = number(text, 'stream');
  if (value === undefined || !Number.isInteger(value)) throw new UsageError('--stream: expected a number');
  return value;
}

/** Resolves at SIGTERM. */
function terminated(): Promise<void> {
  return new Promise((resolve) => process.once('SIGTERM', () => resolve()));
}

function parse() {
  try {
    const text = { type: 'string' } as const;
    return parseArgs({
      allowPositionals: true,
      options: {
        ...{ port: text, host: text, direction: text, flows: text, bytes: text, seconds: text },
        ...{
          stream: text,
          rate: text,
          'idle-timeout': text,
          count: text,
          interval: text,
          size: text,
          content: text,
          checksum: { type: 'boolean' },
        },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

main().then(
  (code) => process.exit(code),
  (error: Error) => {
    say({ type: 'error', message: error.message });
    process.exit(error instanceof UsageError ? 2 : 1);
  },
);
