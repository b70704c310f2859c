/** Why a frame was dropped. The engine names them in the same order (`engine/core.ts`, DROP_CAUSES). */

/** Block of 1 to 13 bytes, `protocol/data-plane.md` §1.4. */
export const DROP_SHORT: u32 = 0;
/** Longer than the session's largest frame, `protocol/data-plane.md` §1.4. */
export const DROP_LONG: u32 = 1;
/** A header that does not fit in the frame, `protocol/data-plane.md` §6.1 step 4. */
export const DROP_MALFORMED: u32 = 2;
/** Source address all-ones, all-zeros or equal to the destination, `protocol/data-plane.md` §6.1 step 6. */
export const DROP_SOURCE: u32 = 3;
/** The destination is behind the port that the frame came from, `protocol/data-plane.md` §6.2. */
export const DROP_SAME_PORT: u32 = 4;
/** Storm limiter, `protocol/data-plane.md` §6.3. */
export const DROP_STORM: u32 = 5;
/** The destination's queue is full, `protocol/data-plane.md` §4.2. */
export const DROP_QUEUE: u32 = 6;
/** No free frame buffer or queue entry. */
export const DROP_MEMORY: u32 = 7;
/** One more station than the session may have, policy NoBridge or MaxMac, `protocol/data-plane.md` §6.5. */
export const DROP_STATIONS: u32 = 8;
/** Longer than the destination port takes. */
export const DROP_TOO_LONG_FOR_PORT: u32 = 9;
/** Not a zlib stream, or a damaged one, in a session that compresses: `protocol/data-plane.md` §1.4. */
export const DROP_INFLATE: u32 = 10;
/** It was the first of a flow whose frames have waited for too long. */
export const DROP_LATE: u32 = 11;

/** The port is blocked, because it is part of a loop. */
export const DROP_LOOP: u32 = 12;
/** A policy of the session that sent it, or of the one it was to go to, `protocol/data-plane.md` §6.5. */
export const DROP_POLICY: u32 = 13;
/** A rule of the hub's access list, `protocol/data-plane.md` §6.7. */
export const DROP_ACCESS: u32 = 14;
/** More than the session may send or get, `protocol/data-plane.md` §6.6. */
export const DROP_RATE: u32 = 15;
/** A local bridge: an address of the host itself, `protocol/data-plane.md` §6.11. */
export const DROP_HOST: u32 = 16;
/** The station was heard elsewhere just now, policy CheckMac, `protocol/data-plane.md` §6.2. */
export const DROP_ELSEWHERE: u32 = 17;

/** How many causes there are room for in a port. */
export const DROP_CAUSES: u32 = 24;
