/**
 * Who made a thing that outlives a process (a namespace, a directory): the name says it, so that the next
 * run can tell a neighbour's live lab from the remains of a dead one without any state file.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';

const PREFIX = 'el';
const PATTERN = /^el-([0-9]+)-([0-9a-z]+)-[0-9a-f]{4}(?:-|$)/;

/** When process `pid` started, in clock ticks since boot; `undefined` when there is no such process. */
export function processStartTicks(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in parentheses and may hold anything: count from its end.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
    const ticks = Number(fields[19]);
    return Number.isFinite(ticks) ? ticks : undefined;
  } catch {
    return undefined;
  }
}

/** A new unique name stem of this process: `el-<pid>-<start time, base 36>-<4 random hex digits>`. */
export function newOwnedName(): string {
  const ticks = processStartTicks(process.pid) ?? 0;
  return `${PREFIX}-${process.pid}-${ticks.toString(36)}-${randomBytes(2).toString('hex')}`;
}

/** Whether `name` was made by {@link newOwnedName} in a process that is gone. The start time unmasks a reused pid. */
export function isLeftover(name: string): boolean {
  const match = name.match(PATTERN);
  if (match === null) return false;
  const ticks = processStartTicks(Number(match[1]));
  return ticks === undefined || ticks.toString(36) !== match[2];
}
