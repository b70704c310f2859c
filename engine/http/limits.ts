/** Limits of the HTTP reader: `protocol/control-plane.md` §1.3, and two of our own. */

/** Bytes of one line without its CR LF. */
export const MAX_LINE_BYTES = 0x1000;

/** Header lines of one message. The original keeps no more; we refuse a message that has more. */
export const MAX_HEADERS = 128;

/**
 * Bytes of one head. Ours: lines and their number alone would let a stranger park 512 KiB on every connection, and a
 * browser with many cookies stays below 16 KiB.
 */
export const MAX_HEAD_BYTES = 0x8000;

/** Characters of a request's target that a page repeats. Ours: a page must not grow with what was asked for. */
export const MAX_SHOWN_TARGET = 256;
