/** What goes over a control socket: one JSON object a line, both ways. */

import type { NodeStatus } from '../engine/admin/status.ts';

/** The answer to `{"command":"status"}`. */
export interface NodeAnswer extends NodeAbout, NodeStatus {}

/** What the command line knows of a node and the engine does not. */
export interface NodeAbout {
  /** That of the profile or configuration; absent without one. */
  readonly name?: string;
  /** The file of `etherloom up` that the node logs to; absent when it runs in the foreground. */
  readonly log?: string;
}
