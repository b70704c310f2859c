/** The extensions that two nodes of ours agree on; a SoftEther peer never sees them. See `extensions.ts`. */

/** A connection that is to be closed says so first, in both directions: `Session.retire`. */
export const EXTENSION_RETIRE = 'retire';
export const RETIRE_VERSION = 1;
