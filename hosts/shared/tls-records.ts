/** Bytes in front of every TLS record (RFC 8446 §5.1, RFC 5246 §6.2.1): type, version, length. */
const HEADER_BYTES = 5;

/** The longest record of TLS 1.2 (RFC 5246 §6.2.3); those of TLS 1.3 are shorter. */
const MAX_RECORD_BYTES = 0x4000 + 0x800;

/** change_cipher_spec, alert, handshake, application_data: `protocol/control-plane.md` §8.4. */
const [FIRST_TYPE, LAST_TYPE] = [0x14, 0x17];
const MAJOR_VERSION = 3;

/**
 * Cuts a TCP stream into TLS records. What is no record is handed out as it came: the TLS engine knows what to say of
 * it.
 */
export class TlsRecords {
  #bytes: Buffer = Buffer.alloc(0);

  /** Copies `bytes`. */
  push(bytes: Uint8Array): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
  }

  /** The next whole record; undefined when there is none yet. The memory stays as it is. */
  next(): Buffer | undefined {
    const length = this.#nextLength();
    if (length === 0 || length > this.#bytes.length) return undefined;
    const record = this.#bytes.subarray(0, length);
    this.#bytes = this.#bytes.subarray(length);
    return record;
  }

  /** All that was not handed out. */
  rest(): Buffer {
    const rest = this.#bytes;
    this.#bytes = Buffer.alloc(0);
    return rest;
  }

  /** Bytes, with the header; more than there are when the header is not complete. */
  #nextLength(): number {
    const bytes = this.#bytes;
    if (bytes.length === 0) return 0;
    const [type, major] = [bytes[0]!, bytes[1] ?? MAJOR_VERSION];
    if (type < FIRST_TYPE || type > LAST_TYPE || major !== MAJOR_VERSION) return bytes.length;
    if (bytes.length < HEADER_BYTES) return HEADER_BYTES;
    const length = bytes.readUInt16BE(HEADER_BYTES - 2);
    return length > MAX_RECORD_BYTES ? bytes.length : HEADER_BYTES + length;
  }
}
