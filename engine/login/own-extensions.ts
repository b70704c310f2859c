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

/** Any IP packet behind an Ethernet header and a VLAN tag, in bytes. */
const LARGE_FRAME_BYTES = 65_600;

/** What this version of us can do. */
export const OWN_EXTENSIONS: Extensions = new Map([
  [EXTENSION_RETIRE, 1],
  [EXTENSION_OFFLOAD, 1],
]);

/** What both sides can do: of each extension the older version. */
export function agreedExtensions(offered: Extensions): Extensions {
  const agreed = new Map<string, number>();
  for (const [name, version] of OWN_EXTENSIONS) {
    const theirs = offered.get(name);
    if (theirs !== undefined) agreed.set(name, Math.min(version, theirs));
  }
  return agreed;
}

/** What the session's port in the core has to know of it. */
export function portAbilities(agreed: Extensions): PortOptions {
  const retires = agreed.has(EXTENSION_RETIRE);
  if (!agreed.has(EXTENSION_OFFLOAD)) return { retires };
  return { retires, offload: true, offloadUdp: true, frameMax: LARGE_FRAME_BYTES, blockMax: LARGE_FRAME_BYTES };
}
