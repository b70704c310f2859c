import { HostFailure } from './error.ts';

const NO_TLS = 'the other side does not speak TLS 1.2 or 1.3; is this the right port?';

const CONNECT: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused; is the server running, and is the port right?',
  ECONNRESET: 'the other side reset the connection',
  EPIPE: 'the other side closed the connection',
  ENOTFOUND: 'there is no host of that name',
  EAI_AGAIN: 'the name could not be looked up; is there a name server?',
  ETIMEDOUT: 'no answer in time; a firewall may be dropping the packets',
  EHOSTUNREACH: 'there is no route to the host',
  ENETUNREACH: 'there is no route to its network',
  EADDRNOTAVAIL: 'this machine has no address to reach it from',
  EACCES: 'this machine does not allow the connection',
  EPERM: 'a firewall on this machine does not allow the connection',
  EMFILE: 'this process has too many files open',
  EPROTO: NO_TLS,
  ERR_SSL_WRONG_VERSION_NUMBER: NO_TLS,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: NO_TLS,
  ERR_SSL_UNSUPPORTED_PROTOCOL: NO_TLS,
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: NO_TLS,
};

const LISTEN: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there; stop it, or choose another port',
  EADDRNOTAVAIL: 'this machine does not have that address',
  EACCES: 'ports below 1024 need root or CAP_NET_BIND_SERVICE',
  ENOTFOUND: 'there is no host of that name',
};

/** `host:port`, with brackets where an IPv6 address needs them. */
export function endpoint(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

interface SystemError {
  readonly code?: unknown;
  readonly message?: unknown;
  readonly errors?: readonly SystemError[];
}

/** The first cause: a name with several addresses fails with one error that holds one for each. */
function cause(error: unknown): { code: string; message: string } {
  const system = (error ?? {}) as SystemError;
  if (system.errors?.[0] !== undefined) return cause(system.errors[0]);
  return { code: String(system.code ?? 'EIO'), message: String(system.message ?? 'unknown error') };
}

/** A connection that could not be made. @param place What it was to lead to. */
export function connectFailure(place: string, error: unknown): HostFailure {
  const { code, message } = cause(error);
  const reason = CONNECT[code] ?? message;
  return new HostFailure('connect', code, `Cannot connect to ${place}: ${reason} (${code}).`);
}

/** A connection that was made and then lost. @param place What it led to. */
export function lossFailure(place: string, error: unknown): HostFailure {
  const { code, message } = cause(error);
  const reason = code === 'EPROTO' || !CONNECT[code] || CONNECT[code] === NO_TLS ? message : CONNECT[code];
  return new HostFailure('connect', code, `The connection with ${place} was lost: ${reason} (${code}).`);
}

/** A port that could not be opened. */
export function listenFailure(host: string, port: number, error: unknown): HostFailure {
  const { code, message } = cause(error);
  // Neither runtime gives a system error for bad PEM: OpenSSL's own codes start so on both.
  const reason = code.startsWith('ERR_OSSL')
    ? `the certificate or the key cannot be used: ${message}`
    : (LISTEN[code] ?? message);
  return new HostFailure('listen', code, `Cannot listen on ${endpoint(host, port)}: ${reason} (${code}).`);
}
