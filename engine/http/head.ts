/** The head of an HTTP message. */
export interface HttpHead {
  /**
   * The first line, split on spaces: at least three tokens. For a request method, target, version; for a response
   * version, status, and words.
   */
  readonly first: readonly [string, string, string, ...string[]];
  /** By lower-case name; of a header that came twice the first value. Bytes are read as Latin-1. */
  readonly headers: ReadonlyMap<string, string>;
  /** Bytes of the body, 0 to Infinity (a number of any length may be written); undefined when it is not said. */
  readonly contentLength: number | undefined;
  /**
   * False when the message has a Transfer-Encoding, so that nobody here knows where it ends: nothing that follows on
   * the connection can be read. `contentLength` is then undefined.
   */
  readonly framed: boolean;
}

/** Why bytes are no HTTP head; the connection cannot go on. */
export interface HttpError {
  readonly ok: false;
  readonly cause: string;
}
