/**
 * How linear memory is laid out, and every limit of the data plane with its reason.
 *
 * The memory has its full size from the start and never grows: growing would detach every view that a host holds.
 * The tables have fixed places; the four pools behind them take what `init` was given, so that a small runtime can
 * run with a small memory.
 *
 *   0          AssemblyScript's own data
 *   0x0001_0000  SCRATCH       input and output of the one-shot calls (hashes, dissection)
 *   0x0003_0000  INBOX table   which bytes of the inbox belong to which connection
 *   0x0003_8000  OUTBOX table  what `fill` wants written, on which connection, and what the host wrote
 *   0x0003_a000  TAP tables    places to read frames into, frames to write
 *   0x0004_0000  INBOX         received bytes, as the TLS layer gave them
 *   0x0008_0000  HUBS
 *   0x0009_0000  PUNTS         frames for the engine
 *   0x000a_0000  PORTS
 *   0x004a_0000  CONNECTIONS
 *   0x005a_0000  STORM         one entry for each flooding source
 *   0x0062_0000  FDB_BUCKETS
 *   0x006a_0000  FDB           forwarding table entries
 *   0x00aa_0000  NODES         queue entries
 *   0x00da_0000  OFFLOAD       the pieces of a super-frame, flows whose frames are being joined, frames to write
 *   0x00dc_0000  DEFLATE       codes, tables and tokens of the frame that is being deflated or inflated
 *   0x00e0_0000  BULK          the flows of each port's bulk queue
 *   0x0120_0000  BATCHES       numbered batches that wait for earlier ones, or may have to be sent again
 *   0x0138_0000  WAITING       frames that a limit or a rule holds for a while
 *   0x0141_0000  IP_BUCKETS
 *   0x0149_0000  IPS           which port has which IP address
 *   0x0189_0000  ACCESS        rules of access lists
 *   0x0195_0000  pools: small slots, large slots, out buffers, windows
 */

export const SCRATCH: u32 = 0x0001_0000;
/** Two of the largest frames fit. */
export const SCRATCH_BYTES: u32 = 0x0002_0000;

export const INBOX_TABLE: u32 = 0x0003_0000;
/** {connection, offset, length, result}, u32 each. */
export const INBOX_ENTRY: u32 = 16;
/** More pieces than that in one turn of the event loop are handled in two calls. */
export const INBOX_ENTRIES: u32 = 2048;

export const OUTBOX_TABLE: u32 = 0x0003_8000;
/** {connection, address, length, taken}, u32 each. */
export const OUTBOX_ENTRY: u32 = 16;
/** Connections served by one call of `fill`; the rest is served by the next. */
export const OUTBOX_ENTRIES: u32 = 512;

/** Frames in one batch to or from a TAP: a batch of 1514-byte frames stays inside a 256 KiB second-level cache. */
export const TAP_BATCH: u32 = 128;
export const TAP_READ_OFFSETS: u32 = 0x0003_a000;
export const TAP_READ_LENGTHS: u32 = 0x0003_a200;
export const TAP_WRITE_OFFSETS: u32 = 0x0003_a400;
export const TAP_WRITE_LENGTHS: u32 = 0x0003_a600;
/** Number of TAP ports with frames to write, then their numbers. */
export const TAPS_READY: u32 = 0x0003_a800;
/** Of each frame read, the VLAN tag that the kernel took out of it, as four bytes in network order; 0 without one. */
export const TAP_READ_TAGS: u32 = 0x0003_f800;
/** TAP ports of one module: one u32 each between TAPS_READY and TAP_READ_TAGS. */
export const TAPS_MAX: u32 = 1024;

export const INBOX: u32 = 0x0004_0000;
/** A turn's worth of TLS records; the smallest frames that fit in it still fit in one queue (QUEUE_FRAMES_MAX). */
export const INBOX_BYTES: u32 = 0x0004_0000;

export const HUBS: u32 = 0x0008_0000;
export const HUB_BYTES: u32 = 64;
/** Tenants of one server; the reference takes 4096, on memory that it allocates as it goes. */
export const HUBS_MAX: u32 = 1024;

/** How many there are, then the frames: {port, hub, kind, length}, u32 each, and the bytes. */
export const PUNTS: u32 = 0x0009_0000;
export const PUNT_BYTES: u32 = 2048;
/** What the engine asks for is rare. What comes beyond that in one turn of the event loop is lost, as in a full queue. */
export const PUNTS_MAX: u32 = 31;
export const PUNTS_BYTES: u32 = PUNT_BYTES * (PUNTS_MAX + 1);
export const PUNT_FRAME_MAX: u32 = PUNT_BYTES - 16;

export const PORTS: u32 = 0x000a_0000;
export const PORT_BYTES: u32 = 2048;
/** 1,000 sessions with head room for TAPs and bridges. */
export const PORTS_MAX: u32 = 2048;

export const CONNECTIONS: u32 = 0x004a_0000;
export const CONNECTION_BYTES: u32 = 256;
/** Four for each session on average; one session may have 32 (`protocol/control-plane.md` §6). */
export const CONNECTIONS_MAX: u32 = 4096;

export const STORM: u32 = 0x005a_0000;
export const STORM_ENTRY: u32 = 32;
/** Flooding sources that are watched at a time; beyond it the one silent for longest in its set is forgotten. */
export const STORM_ENTRIES: u32 = 16384;
export const STORM_WAYS: u32 = 4;

export const FDB_BUCKETS: u32 = 0x0062_0000;
/** Twice the entries, so that chains stay short. */
export const FDB_BUCKETS_MAX: u32 = 0x2_0000;

export const FDB: u32 = 0x006a_0000;
export const FDB_ENTRY: u32 = 64;
/** `protocol/data-plane.md` §6.2; shared by all hubs. */
export const FDB_MAX: u32 = 0x1_0000;
/** `protocol/data-plane.md` §6.2, milliseconds since the last frame with that source. */
export const FDB_AGE_MS: f64 = 600_000;
/** Entries that one call of `housekeep`, or one learning with a full table, looks at. */
export const FDB_SWEEP: u32 = 4096;
/**
 * Milliseconds between two of the latter, `protocol/data-plane.md` §6.2: a full table must not make every frame from a
 * station that is not in it seventy times as expensive.
 */
export const FDB_SWEEP_MS: f64 = 1_000;

export const NODES: u32 = 0x00aa_0000;
export const NODE_BYTES: u32 = 12;
/** Queue entries of all ports; a frame flooded to 1,000 sessions takes 1,000. */
export const NODES_MAX: u32 = 0x4_0000;

export const OFFLOAD: u32 = 0x00da_0000;
/** The frames into which the super-frame at hand was cut: a u32 each. */
export const SEGMENTS: u32 = OFFLOAD;
/**
 * Payload bytes that a TCP super-frame has for each of its frames, at least: the kernel's TCP_MIN_GSO_SIZE, that is the
 * smallest MSS it sends (48) less the longest options (40).
 */
export const TCP_SEGMENT_MIN: u32 = 8;
/** Frames for which a UDP super-frame may stand: the kernel's UDP_MAX_SEGMENTS. */
export const UDP_SEGMENTS_MAX: u32 = 128;
/** Frames for which any may stand: 64 KiB in the smallest TCP segments. It bounds the work that one frame can cause. */
export const SEGMENTS_MAX: u32 = 0x1_0000 / TCP_SEGMENT_MIN + 1;

/** Flows whose frames are being joined; more at a time have little to join in one batch, and finding them takes time. */
export const FLOWS: u32 = OFFLOAD + 0x9000;
export const FLOW_BYTES: u32 = 32;
export const FLOWS_MAX: u32 = 16;
/** The slots of the frames in the TAP write table: a u32 each. */
export const TAP_WRITE_SLOTS: u32 = OFFLOAD + 0xa000;
/** Datagrams in a super-frame that we make: UDP_MAX_SEGMENTS of kernels before Linux 6.9. */
export const UDP_JOINED_MAX: u32 = 64;
/** RFC 791 §3.1. */
export const IP_BYTES_MAX: u32 = 65_535;

export const DEFLATE: u32 = 0x00dc_0000;
/** Code lengths and codes of the block that is being deflated. */
export const DEFLATE_CODES: u32 = DEFLATE + 0x8000;
/** How often each symbol occurs in it. */
export const DEFLATE_COUNTS: u32 = DEFLATE + 0x9000;
/** Index bits of a table of positions; all of it and a frame stay in the first-level cache. */
export const HASH_BITS: u32 = 13;
export const HASH_TABLE_BYTES: u32 = 4 << HASH_BITS;
/** Index bits that are used of it for a frame that is not larger than that: more of them would not be worth their cache. */
export const HASH_BITS_SMALL: u32 = 12;
export const HASH_SMALL_MAX: u32 = 4_096;
/** The positions of frames that know nothing of one another. */
export const HASH_TABLE: u32 = DEFLATE + 0xa000;
/** Literals and matches of one block, and its end: a u32 each. */
export const DEFLATE_TOKENS: u32 = DEFLATE + 0x1_2000;
/** The result of the one-shot calls. */
export const DEFLATE_RESULT: u32 = DEFLATE + 0x2_2010;
export const DEFLATE_RESULT_BYTES: u32 = 0x1_1000;

export const BULK: u32 = 0x00e0_0000;
export const BULK_FLOW_BYTES: u32 = 64;
/** Flows of one port that are told apart at a time; the frames of further ones share a queue with them. */
export const BULK_FLOWS: u32 = 32;
/**
 * Milliseconds that frames of a flow may wait, and for how long they may wait for longer, before some are dropped
 * (RFC 8289). More than HOLD_MS, in which a sender on this machine is made to wait instead.
 */
export const WAIT_TARGET_MS: f64 = 20;
export const WAIT_INTERVAL_MS: f64 = 100;

export const BATCHES: u32 = 0x0120_0000;
export const BATCH_BYTES: u32 = 48;
/** Batches of all ports. Without one a batch that comes early is not put in order, and one that is sent is not kept. */
export const BATCHES_MAX: u32 = 0x8000;

/** When the first of them is due, host's ms (an f64), then a heap of those that wait. */
export const WAITING: u32 = 0x0138_0000;
export const WAITS_HEAD: u32 = 32;
export const WAIT_BYTES: u32 = 32;
/**
 * Frames that wait at a time, of all ports: as many as 16,000 frames of a full length, half a second of 400 Mbit/s; and one
 * more for each port that waits to send.
 */
export const WAITS_MAX: u32 = 0x3c00;
/** What is left of the small buffers when nothing more waits for a limit or a rule: a quarter of them. */
export const WAITS_SHARE: u32 = 4;
/**
 * Milliseconds that the frames of a session wait for its upload limit at most, and as how many full frames at least: a TCP
 * that is limited fills such a queue and none of its turns is empty; a call beside it would not be held up for longer.
 */
export const UPLOAD_WAIT_MS: f64 = 60;
export const UPLOAD_WAIT_FRAMES: f64 = 8;
/** The same for what goes to a session, where every flow waits for itself alone (`queue/bulk.ts`). */
export const DOWNLOAD_WAIT_MS: f64 = 250;
export const DOWNLOAD_WAIT_FRAMES: f64 = 16;
/** Bytes that wait for one upload limit at most. */
export const UPLOAD_WAIT_BYTES: u32 = 0x10_0000;
/** Milliseconds of a limit that may pass at once: timers are not finer than one, and seldom late by ten. */
export const RATE_BURST_MS: f64 = 20;

export const IP_BUCKETS: u32 = 0x0141_0000;
/** Twice the entries, so that chains stay short. */
export const IP_BUCKETS_MAX: u32 = 0x2_0000;

export const IPS: u32 = 0x0149_0000;
export const IP_ENTRY: u32 = 64;
/** `protocol/data-plane.md` §6.4; shared by all hubs. */
export const IPS_MAX: u32 = 0x1_0000;
/** `protocol/data-plane.md` §6.4: milliseconds since it was last heard; with a lease of DHCP. */
export const IP_AGE_MS: f64 = 60_000;
export const IP_LEASED_AGE_MS: f64 = 300_000;
/** Entries that a new one looks at, for those that have expired: of its own port, and of all. */
export const IP_SWEEP: u32 = 64;
/** `protocol/data-plane.md` §6.2 and §6.5: milliseconds for which an address is the one's who had it. */
export const EXCLUSIVE_MS: f64 = 13_000;

export const ACCESS: u32 = 0x0189_0000;
export const RULE_BYTES: u32 = 160;
/**
 * Rules of all hubs. The reference takes 32,768 for each; a frame may have to be compared with all of its hub's, which takes
 * about 4 ns for each, and so a hub has ACCESS_HUB_MAX.
 */
export const ACCESS_MAX: u32 = 4_096;
export const ACCESS_HUB_MAX: u32 = 1_024;

/** Where the pools begin. */
export const POOLS: u32 = 0x0195_0000;

/** Any frame of a session with a SoftEther peer, its slot's header and the head room. */
export const SMALL_SLOT_BYTES: u32 = 2048;
/** A frame of 64 KiB: 65,535 bytes of IP packet, 14 of Ethernet, 4 of VLAN tag, and the slot's header. */
export const LARGE_SLOT_BYTES: u32 = 65_664;
/** In front of the frame in its slot: the slot's fields (16) and room for a virtio header or a block size (16). */
export const SLOT_HEAD: u32 = 32;
export const SMALL_FRAME_MAX: u32 = SMALL_SLOT_BYTES - SLOT_HEAD;
export const LARGE_FRAME_MAX: u32 = LARGE_SLOT_BYTES - SLOT_HEAD;
/** `struct virtio_net_hdr`, linux/virtio_net.h. */
export const VNET_HEADER: u32 = 10;

/** What one write to a connection carries at most: two of the largest frames, eight TLS records. */
export const OUT_BUFFER_BYTES: u32 = 0x0002_0000;

/**
 * What a connection has carried last in one direction, with room for a frame behind it: 32 KiB, 64 KiB, and the table of
 * positions. Between own peers that compress.
 */
export const WINDOW_BYTES: u32 = 0x0002_1000;

/** Frames in each of a port's two queues. One inbox of 60-byte frames fits, so that a turn's input cannot overflow it. */
export const QUEUE_FRAMES_MAX: u32 = 4096;
/** Bytes waiting in each of a port's two queues, `protocol/data-plane.md` §4.2. */
export const QUEUE_BYTES_MAX: u32 = 2_560_000;

/**
 * With more bytes than that in a queue, the port that fills it is not read: the kernel, or TCP, makes the sender wait as
 * a network card does. Four turns of the event loop fill it (an inbox, or what is read from a TAP).
 */
export const HOLD_BYTES: u32 = 0x10_0000;
/** With fewer bytes than that the port is read again; what a connection still has to send covers the time until then. */
export const RELEASE_BYTES: u32 = 0x8_0000;
/**
 * Milliseconds for which one slow receiver may hold up a port that others are served from. One that takes longer has its
 * frames dropped, once its queue is full, until it has caught up.
 */
export const HOLD_MS: f64 = 10;

/** Ethernet, `protocol/data-plane.md` §1.4. */
export const FRAME_MIN: u32 = 14;
/** `protocol/data-plane.md` §1.4: what is longer is consumed and dropped. */
export const FRAME_MAX: u32 = 1600;
/** `protocol/data-plane.md` §1.3: what is longer ends the connection. */
export const BLOCK_MAX: u32 = 3200;
/**
 * Between our own peers, when they agreed on it, this bit of a block's size says: the checksum of the frame is unfinished.
 * A u32 follows the size, the payload bytes of each frame that the block stands for, 0 when it is one frame; the size
 * does not count it.
 */
export const BLOCK_UNFINISHED: u32 = 0x8000_0000;
/**
 * Between our own peers, when they agreed to compress, this bit of a block's size says: the body is deflated, and the size
 * is that of what it was deflated to. With windows it goes on where the last such block of the connection ended.
 */
export const BLOCK_DEFLATED: u32 = 0x4000_0000;
/**
 * Between our own peers, when they agreed on it, this bit of a batch's count says: the number of the batch follows, a u32,
 * see `stream/order.ts`. A keep-alive's mark has it too, and is looked for first.
 */
export const BATCH_NUMBERED: u32 = 0x8000_0000;
/** Milliseconds for which the frames of a batch wait for those of earlier ones that come on other connections. */
export const ORDER_MS: f64 = 250;
/**
 * The same between own peers who send again what a connection that dies has taken (`stream/keep.ts`): as long as it takes
 * to notice that one has stopped (STALL_MS, or three round trips of up to 100 ms), and for the batch to come another way.
 */
export const RESENT_MS: f64 = 750;
/** With so many of them on one connection it is not read. */
export const AHEAD_BYTES: u32 = 0x8_0000;
/** Bytes of a port that wait so at most: more than a peer has under way. */
export const ORDER_BYTES_MAX: u32 = 0x140_0000;
/**
 * Between own peers who send again: bytes of frame buffers that one session keeps until the peer has what is in them, and by
 * which it runs ahead of the first batch that the peer does not have. The other side has as much waiting when that one is
 * late, so it is less than ORDER_BYTES_MAX; and both together are less than half of the buffers of a client. It is what 4
 * Gbit/s take in 33 ms, and 1.2 Gbit/s in 110: with a quarter of it, a line of 50 ms that loses every hundredth frame carried
 * 215 Mbit/s in place of 440. A session that needs more goes on, and what it sends is not kept.
 */
export const KEEP_BYTES_MAX: u32 = 0x100_0000;
/** Numbers by which a sender runs ahead at most: half of those that the receiver can tell from one another. */
export const AHEAD_NUMBERS: u32 = 2_048;
/** Batches of which a receiver knows whether they came, `stream/account.ts`: a bit each in the port. */
export const SEEN_NUMBERS: u32 = 4_096;
/** A batch that was given up is asked for no more when so many others came behind it. */
export const FORGOTTEN_NUMBERS: u32 = 1_024;
/**
 * The peer is told what came together with whatever else is sent; and by itself when it was so many bytes, a sixteenth of
 * what it keeps, or after so many milliseconds.
 */
export const ACCOUNT_BYTES: u32 = 0x10_0000;
export const ACCOUNT_MS: f64 = 20;
/** The same when there is one connection, and nothing could be sent again on another. */
export const ACCOUNT_REST_MS: f64 = 100;
/** A connection that still has not delivered anything after so many milliseconds has stopped: see `stream/stall.ts`. */
export const STALL_MS: f64 = 250;
/** `protocol/data-plane.md` §1.2. */
export const KEEP_ALIVE_MAX: u32 = 512;
export const KEEP_ALIVE_MARK: u32 = 0xffff_ffff;
/**
 * Between our own peers, when they agreed on it, a keep-alive of exactly this size says: this is the last that I send on
 * this connection. Senders use 0 to 511 otherwise (`protocol/data-plane.md` §1.6), and a receiver takes 512.
 */
export const KEEP_ALIVE_RETIRE: u32 = 512;

/** "None" wherever a number of a hub, port, connection, node or entry is stored. */
export const NONE: u32 = 0xffff_ffff;
