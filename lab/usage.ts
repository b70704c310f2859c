/** What processes use, as the kernel counts it: of a program and all that it has started. */
import { readdirSync, readFileSync } from 'node:fs';

/** The unit of times in /proc/PID/stat; USER_HZ is 100 on every architecture of Linux (`man 5 proc`). */
const TICKS_PER_SECOND = 100;

/** `roots` and their living descendants. */
export function processTree(roots: readonly number[]): number[] {
  const found = new Set<number>();
  const walk = (pid: number): void => {
    if (found.has(pid)) return;
    found.add(pid);
    for (const child of childrenOf(pid)) walk(child);
  };
  for (const pid of roots) walk(pid);
  return [...found];
}

/** Seconds of processor time, user and system, that these processes have used in all their threads. */
export function cpuSeconds(pids: readonly number[]): number {
  return sum(pids, (pid) => {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in parentheses and may hold anything: count from its end.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  });
}

/** The most memory in MiB that each of these processes has had resident (`VmHWM`), added up. */
export function peakMiB(pids: readonly number[]): number {
  return sum(pids, (pid) => {
    const line = readFileSync(`/proc/${pid}/status`, 'utf8').match(/^VmHWM:\s+(\d+) kB/m);
    return Number(line?.[1] ?? 0) / 1024;
  });
}

/** The processes that any thread of `pid` has started and that still run. */
export function childrenOf(pid: number): number[] {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    return threads.flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
    );
  } catch {
    return [];
  }
}

/** A process that has just ended counts nothing. */
function sum(pids: readonly number[], of: (pid: number) => number): number {
  return pids.reduce((total, pid) => {
    try {
      return total + of(pid);
    } catch {
      return total;
    }
  }, 0);
}
