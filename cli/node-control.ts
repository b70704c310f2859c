/** The control socket of a node that runs in this process. */

import type { NodeStatus } from '../engine/admin/status.ts';
import type { Log } from '../engine/host.ts';
import { type ControlCommands, type ControlServer, startControlServer } from './control-server.ts';
import { Failure } from './failure.ts';
import type { Io } from './io.ts';

export interface NodeControlRequest {
  readonly role: NodeStatus['role'];
  /** Where the configuration wants it. */
  readonly path?: string;
  /** Undefined while the node is starting. */
  readonly status: () => NodeStatus | undefined;
  readonly commands?: ControlCommands;
  readonly io: Io;
  readonly log: Log;
}

/**
 * Opens the socket. One that was asked for has to work; without the usual one a node still does its work, and says
 * that `etherloom status` will not find it.
 */
export async function openControl(request: NodeControlRequest): Promise<ControlServer | undefined> {
  const { role, path, status, commands, io, log } = request;
  try {
    return await startControlServer({ role, path, status, commands, io });
  } catch (thrown) {
    if (path !== undefined || !(thrown instanceof Failure)) throw thrown;
    log('warn', 'there is no control socket: `etherloom status` will not find this node', { cause: thrown.message });
    return undefined;
  }
}
