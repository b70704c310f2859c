/**
 * Limits of the Pack codec. The original's own are far above anything its messages use
 * (`protocol/control-plane.md` §2, "Limits"); these are the ones that a stranger can make us work for.
 */

/** Bytes of one Pack that a client sends over HTTP: `protocol/control-plane.md` §1.5. */
export const MAX_REQUEST_PACK_BYTES = 0x10000;

/**
 * Bytes of one Pack that we accept from a server. The protocol lets it send 512 MiB; a real welcome has 2 to 4 KiB and
 * a message of the day in it a few more, so that 1 MiB is generous and still cheap to hold.
 */
export const MAX_RESPONSE_PACK_BYTES = 0x100000;

/** Bytes of an element's name: `protocol/control-plane.md` §2. The original cuts longer ones; we refuse them. */
export const MAX_NAME_BYTES = 63;

/** Elements of one Pack. A real login has 78; a request of 64 KiB has room for 3855 of the smallest ones. */
export const MAX_ELEMENTS = 4096;

/** Values of one element: the limit of the original's 32-bit builds, `protocol/control-plane.md` §2. */
export const MAX_VALUES = 0x10000;
