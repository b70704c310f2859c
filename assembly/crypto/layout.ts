/**
 * The memory of the crypto module, its own and not the data plane's: what handles strangers' frames cannot reach a key.
 * It has its full size from the start and never grows.
 *
 *   0            AssemblyScript's own data, tables of the ciphers
 *   0x0001_0000  SCRATCH  input and output of the one-shot calls, a batch of messages
 *   0x0005_0000  SEAL     records that are being protected
 *   0x0009_8000  OPEN     records that came
 *   0x000e_0000  SLOTS    keys and what belongs to them
 */

export const SCRATCH: u32 = 0x0001_0000;
export const SCRATCH_BYTES: u32 = 0x0004_0000;

export const SEAL: u32 = 0x0005_0000;
/** 256 KiB of data with what every record adds to it. */
export const SEAL_BYTES: u32 = 0x0004_8000;

export const OPEN: u32 = 0x0009_8000;
/** What is left of a record, and 256 KiB. */
export const OPEN_BYTES: u32 = 0x0004_8000;

export const SLOTS: u32 = 0x000e_0000;
/** One direction of a connection is the largest thing that a slot holds. */
export const SLOT_BYTES: u32 = 704;

/** One message of a batch: where it is, its length, where its nonce (12 bytes) and its additional data are, that one's length, the answer. */
export const BATCH_ENTRY: u32 = 24;
