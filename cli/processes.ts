/** Other processes, as /proc shows them: whether one is there, and whether it is still the same one. */

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** One that has ended and that nobody has waited for yet does not count: it has no socket and no TAP any more. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (thrown) {
    // EPERM: it exists and is somebody else's.
    if ((thrown as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const state = fields(pid)?.[STATE];
  return state !== 'Z' && state !== 'X';
}

/**
 * When the process started, in ticks since the boot: with the pid it names one process and never another, although pids
 * are used again. Undefined when it is not there, or where there is no /proc.
 */
export function startOf(pid: number): string | undefined {
  return isAlive(pid) ? fields(pid)?.[START] : undefined;
}

/**
 * Whether the process of this number is the one that listens at a local socket. What a node says its number is means
 * another process here, or none, when the node is in another PID namespace.
 *
 * @param socket As the process named it when it began to listen.
 */
export function ownsSocket(pid: number, socket: string): boolean {
  try {
    // Of its network namespace, proc(5): number of the inode, then the path.
    const lines = readFileSync(`/proc/${pid}/net/unix`, 'utf8').split('\n');
    const inodes = lines.flatMap((line) => {
      const [, inode, bound] = /^(?:\S+ +){6}(\d+) (.+)$/.exec(line) ?? [];
      return bound === socket ? [`socket:[${inode}]`] : [];
    });
    return readdirSync(`/proc/${pid}/fd`).some((fd) => inodes.includes(linkOf(`/proc/${pid}/fd/${fd}`)));
  } catch {
    return false;
  }
}

function linkOf(file: string): string {
  try {
    return readlinkSync(file);
  } catch {
    // It was closed meanwhile.
    return '';
  }
}

/** Of what stands behind the name in proc(5), `/proc/pid/stat`: fields 3 and 22. */
const STATE = 0;
const START = 19;

function fields(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name may hold spaces and parentheses.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}
