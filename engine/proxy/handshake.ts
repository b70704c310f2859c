/** What the handshakes with the kinds of proxies have in common. They do no I/O: the host carries their bytes. */

/** Where the proxy is to connect to. */
export interface ProxyTarget {
  /** Name or address, no brackets. */
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
}

/** Why there is no way through a proxy. */
export type ProxyCode =
  /** The proxy does not accept who we say we are, or that we do not say it. It will not change by itself. */
  | 'ERR_PROXY_CREDENTIALS'
  /** The proxy knows what we want and does not do it. */
  | 'ERR_PROXY_REFUSED'
  /** The proxy tried and did not reach the target. */
  | 'ERR_PROXY_TARGET'
  /** What answers is no proxy of that kind, or it went away in the middle. */
  | 'ERR_PROXY_PROTOCOL'
  /** The options do not fit the kind of proxy: see `proxyProblem`. */
  | 'ERR_PROXY_OPTIONS';

/** The end of an attempt. */
export interface ProxyFailure {
  readonly code: ProxyCode;
  /** What the proxy said, as the end of a sentence: `the proxy …`. */
  readonly message: string;
}

/** What came of a piece of the proxy's answer. */
export type ProxyStep =
  /** It is not over. `send` is to be sent now; it may be empty. */
  | { readonly state: 'going'; readonly send: Uint8Array }
  /** The way is open. What came behind the answer belongs to the connection with the target: it may lie in the chunk's memory. */
  | { readonly state: 'open'; readonly remainder: Uint8Array }
  | { readonly state: 'failed'; readonly failure: ProxyFailure };

/** One attempt with one proxy. */
export interface ProxyHandshake {
  /** What to send first. */
  start(): Uint8Array;
  /** Takes what came, cut anywhere. Not to be called again once it is open or has failed. */
  handleBytes(chunk: Uint8Array): ProxyStep;
}

export const NOTHING: Uint8Array = new Uint8Array(0);

export const GOING: ProxyStep = { state: 'going', send: NOTHING };

/** For an attempt that ended before the proxy had said all. */
export const CLOSED: ProxyFailure = {
  code: 'ERR_PROXY_PROTOCOL',
  message: 'the proxy closed the connection in the middle of the handshake',
};

export function failed(code: ProxyCode, message: string): ProxyStep {
  return { state: 'failed', failure: { code, message } };
}

/** Characters of the proxy's own words that a message repeats: it must not grow with what a stranger sends. */
const MAX_QUOTED = 120;

/** The proxy's own words in quotation marks, without what would disturb a terminal. */
export function quoted(text: string): string {
  const clean = text.replace(/[^\x20-\x7e]/g, '?').trim();
  return `"${clean.length > MAX_QUOTED ? `${clean.slice(0, MAX_QUOTED)}…` : clean}"`;
}
