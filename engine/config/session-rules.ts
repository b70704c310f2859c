/** What may be set of a session, of a client or of a cascade (`requirements.md`, part B). */

import { CONGESTION_PATTERN } from '../session/congestion.ts';
import { oneOf, type Rule, whole } from './rules.ts';

/** B3. */
export const connections = whole(1, 32);

/** B6: one for each direction. */
export const halfDuplexConnections = whole(2, 32);

/** B4. */
export const connectionInterval = whole(1, 3600, 'seconds');

/** B5. Infinity: connections are not replaced. */
export const connectionLifetime: Rule<number> = orWord(whole(1, 604_800, 'seconds'), 'off');

/** B1. */
export const reconnectInterval = whole(5, 86_400, 'seconds');

/** B2. */
export const reconnectAttempts: Rule<number> = orWord(whole(0, 1_000_000), 'unlimited');

/** Which frames are priority frames (`PriorityRule`). */
export const priorityRule = oneOf('packetix', 'extended');

/** How the kernel controls congestion (`Congestion`). */
export const congestion: Rule<string> = {
  allowed: 'auto, system, or a name that the kernel has in net.ipv4.tcp_available_congestion_control, such as bbr',
  parse: (text) => (CONGESTION_PATTERN.test(text) ? text : undefined),
};

/** What a client does that was told nothing else. */
export const CLIENT_DEFAULTS = {
  connections: 1,
  /** Seconds. */
  connectionInterval: 1,
  /** Seconds. */
  connectionLifetime: Number.POSITIVE_INFINITY,
  /** Seconds. */
  reconnectInterval: 15,
  reconnectAttempts: Number.POSITIVE_INFINITY,
  congestion: 'auto',
  priorityRule: 'packetix',
} as const;

/** What a cascade does (B1 to B3): the first two are not to be set. */
export const CASCADE = {
  /** Seconds. */
  reconnectInterval: 10,
  reconnectAttempts: Number.POSITIVE_INFINITY,
  /** The default. */
  connections: 8,
} as const;

/** A number, or a word for the one that has no end. */
function orWord(rule: Rule<number>, word: string): Rule<number> {
  return {
    allowed: `${rule.allowed}, or ${word}`,
    parse: (text) => (text === word ? Number.POSITIVE_INFINITY : rule.parse(text)),
  };
}
