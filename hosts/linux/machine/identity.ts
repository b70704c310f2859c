/** Who made a change, and where: a process that a later one can tell from others with the same number. */

import { readFileSync, statSync } from 'node:fs';

export interface Identity {
  readonly pid: number;
  /** Clock ticks between the boot and its start: proc(5), field 22. */
  readonly start: string;
  /** Of this boot of the kernel. */
  readonly boot: string;
  /** The network and the mount namespace. */
  readonly network: string;
  readonly mounts: string;
}

export function ownIdentity(): Identity {
  return {
    pid: process.pid,
    start: startOf(process.pid) ?? '',
    boot: bootId(),
    network: namespace('net'),
    mounts: namespace('mnt'),
  };
}

/** Whether the very process still runs. */
export function isAlive({ pid, start, boot }: Identity): boolean {
  return boot === bootId() && startOf(pid) === start;
}

/** Whether what it changed is what this process sees: after a boot routes and rules are new. */
export function sameNetwork({ boot, network }: Identity): boolean {
  return boot === bootId() && network === namespace('net');
}

export function bootId(): string {
  return read('/proc/sys/kernel/random/boot_id')?.trim() ?? '';
}

/** Undefined: there is no such process; a zombie does nothing any more. */
export function startOf(pid: number): string | undefined {
  const text = read(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  // The name in front, in brackets, may hold anything.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
}

function namespace(kind: 'net' | 'mnt'): string {
  const { dev, ino } = statSync(`/proc/self/ns/${kind}`);
  return `${dev}:${ino}`;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
