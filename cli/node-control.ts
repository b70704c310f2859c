/** The control socket of a node that runs in this process. */

import type { Log } from '../engine/host.ts';
import { type ControlRequest, type ControlServer, startControlServer } from './control-server.ts';
import { Failure } from './failure.ts';

export interface NodeControlRequest extends ControlRequest {
  readonly log: Log;
}

/**
 * Opens the socket. One that was asked for has to work; without the usual one a node still does its work, and says
 * that no other command will find it.
 */
export async function openControl(request: NodeControlRequest): Promise<ControlServer | undefined> {
  const { path, log } = request;
  try {
    return await startControlServer(request);
  } catch (thrown) {
    if (path !== undefined || !(thrown instanceof Failure)) throw thrown;
    log('warn', 'there is no control socket: `etherloom status`, `watch` and `down` will not find this node', {
      cause: thrown.message,
    });
    return undefined;
  }
}
