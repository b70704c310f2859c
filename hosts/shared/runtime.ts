import { hostname, release, type } from 'node:os';
import type { Runtime } from '../../engine/host.ts';

/** What the engine is told of the machine; `name` and `version` are the JavaScript runtime's. */
export function describeRuntime(name: string, version: string): Runtime {
  return { name, version, pid: process.pid, hostName: hostname(), osName: type(), osVersion: release() };
}
