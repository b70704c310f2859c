/** Whether a program listens yet, without a connection to it: what the kernel's tables of a host say. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import type { LabHost } from './netns.ts';

const TABLES = ['tcp', 'tcp6'];

/** Whether process `pid` has arrived in the host and a socket there listens on TCP `port`. Starts no program. */
export function listensOn(host: LabHost, pid: number, port: number): boolean {
  return TABLES.some((table) => listensIn(table, host, pid, port));
}

/**
 * The same for a program that opens a socket for each version of IP: with the one for IPv6 there, a connection to
 * 127.0.0.1 may still be refused. A machine without IPv6 has the other one only.
 */
export function listensOnBoth(host: LabHost, pid: number, port: number): boolean {
  return TABLES.filter((table) => existsSync(`/proc/net/${table}`)).every((table) => listensIn(table, host, pid, port));
}

/** Whether anything in the host listens on TCP `port`. */
export async function isPortTaken(host: LabHost, port: number): Promise<boolean> {
  const answer = await host.run(['cat', ...TABLES.map((table) => `/proc/net/${table}`)], { check: false });
  return pattern(port).test(answer.stdout);
}

function listensIn(table: string, host: LabHost, pid: number, port: number): boolean {
  try {
    // Until `ip netns exec` has done its work, the process sees the machine's own sockets.
    const inside = statSync(`/proc/${pid}/ns/net`).ino === statSync(`/run/netns/${host.namespace}`).ino;
    return inside && pattern(port).test(readFileSync(`/proc/${pid}/net/${table}`, 'utf8'));
  } catch {
    return false;
  }
}

/** A line of /proc/net/tcp with that local port, no remote one and the state LISTEN. */
function pattern(port: number): RegExp {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  return new RegExp(`^\\s*\\d+: [0-9A-F]+:${hex} [0-9A-F]+:0000 0A `, 'm');
}
