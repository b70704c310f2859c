/** The extensions that two nodes of ours agree on; a SoftEther peer never sees them. See `extensions.ts`. */

import type { PortOptions } from '../core.ts';
import type { Extensions } from './extensions.ts';

/** A connection that is to be closed says so first, in both directions: `Session.retire`. */
export const EXTENSION_RETIRE = 'retire';

/**
 * Blocks of up to 64 KiB whose checksum may be unfinished and that may stand for several frames
 * (`assembly/memory.ts`, BLOCK_UNFINISHED).
 */
export const EXTENSION_OFFLOAD = 'offload';

/** Bulk batches are numbered, so that one flow can use several connections (`assembly/stream/order.ts`). */
export const EXTENSION_ORDER = 'order';

/** Beside it: batches of a connection that stops or goes away come again on another one (`assembly/stream/keep.ts`). */
export const EXTENSION_RESEND = 'resend';

/** In a compressed session only blocks that get smaller are compressed (`assembly/memory.ts`, BLOCK_DEFLATED). */
export const EXTENSION_DEFLATE = 'deflate';

/** Beside it: a compressed block goes on where the last one of its connection ended. Both sides need memory for that. */
export const EXTENSION_WINDOW = 'window';

/** Any IP packet behind an Ethernet header and a VLAN tag, in bytes. */
const LARGE_FRAME_BYTES = 65_600;

const OWN_EXTENSIONS: Extensions = new Map([
  [EXTENSION_RETIRE, 1],
  [EXTENSION_OFFLOAD, 1],
  [EXTENSION_ORDER, 1],
  [EXTENSION_RESEND, 1],
]);
const OF_COMPRESSION: Extensions = new Map([
  [EXTENSION_DEFLATE, 1],
  [EXTENSION_WINDOW, 1],
]);

/** What an extension may depend on. */
export interface Circumstances {
  /** The session is, or is to be, compressed. */
  readonly compress: boolean;
  /** Connections that it may have, 1 to 32. */
  readonly connections: number;
  /** Windows that the core has left. */
  readonly windowsFree: number;
}

/** What this version of us can do. */
export function ownExtensions({ compress, connections, windowsFree }: Circumstances): Extensions {
  if (!compress) return OWN_EXTENSIONS;
  const all = new Map([...OWN_EXTENSIONS, ...OF_COMPRESSION]);
  if (windowsNeeded(connections) > windowsFree) all.delete(EXTENSION_WINDOW);
  return all;
}

/** What both sides can do: of each extension the older version. */
export function agreedExtensions(offered: Extensions, circumstances: Circumstances): Extensions {
  const agreed = new Map<string, number>();
  for (const [name, version] of ownExtensions(circumstances)) {
    const theirs = offered.get(name);
    if (theirs !== undefined) agreed.set(name, Math.min(version, theirs));
  }
  return agreed;
}

/** What the session's port in the core has to know of it. */
export function portAbilities(agreed: Extensions, compress: boolean, connections: number): PortOptions {
  const deflate = compress && agreed.has(EXTENSION_DEFLATE);
  const windowed = deflate && agreed.has(EXTENSION_WINDOW);
  const abilities = {
    retires: agreed.has(EXTENSION_RETIRE),
    orders: agreed.has(EXTENSION_ORDER),
    resends: agreed.has(EXTENSION_ORDER) && agreed.has(EXTENSION_RESEND),
    compress,
    deflate,
    windowed,
    windows: windowed ? windowsNeeded(connections) : 0,
  };
  if (!agreed.has(EXTENSION_OFFLOAD)) return abilities;
  return { ...abilities, offload: true, offloadUdp: true, frameMax: LARGE_FRAME_BYTES, blockMax: LARGE_FRAME_BYTES };
}

/** One each way for every connection, and for two that are being replaced. */
function windowsNeeded(connections: number): number {
  return 2 * (connections + 2);
}
