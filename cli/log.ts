/** The engine's `Log` on pino: one JSON object a line for machines, or readable lines for people. */

import { pino } from 'pino';
import { prettyFactory } from 'pino-pretty';
import type { Log, LogLevel } from '../engine/host.ts';
import { printable } from './text.ts';

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: 'text' | 'json';
  readonly color: boolean;
  /** Takes whole lines, in order, at once. */
  readonly write: (text: string) => void;
}

export function createLog({ level, format, color, write }: LogOptions): Log {
  // pino-pretty as a function: no worker and no stream, so that the last line before an end is never lost.
  const text = prettyFactory({
    colorize: color,
    colorizeObjects: false,
    singleLine: true,
    translateTime: 'SYS:HH:MM:ss.l',
    messageKey: 'message',
  });
  const render = (line: string) =>
    format === 'json'
      ? line
      : // Fields hold what peers sent, and some of them are shown without the quotes and escapes of JSON.
        text(JSON.parse(line, (_, found) => (typeof found === 'string' ? printable(found) : found)));
  const logger = pino(
    {
      level,
      base: null,
      messageKey: 'message',
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line: string) => write(render(line)) },
  );
  return (lineLevel, message, fields) => {
    if (fields === undefined) logger[lineLevel](message);
    else logger[lineLevel](fields, message);
  };
}
