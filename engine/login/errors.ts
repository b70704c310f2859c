/** The numbers that peers send as `error`: `protocol/control-plane.md` §7. */

export const ERROR_NONE = 0;
export const ERROR_NOT_VPN_SERVER = 2;
export const ERROR_DISCONNECTED = 3;
export const ERROR_PROTOCOL = 4;
export const ERROR_AUTH_TYPE = 7;
export const ERROR_HUB_NOT_FOUND = 8;
export const ERROR_AUTH_FAILED = 9;
export const ERROR_HUB_OFFLINE = 10;
export const ERROR_ACCESS_DENIED = 12;
export const ERROR_UNKNOWN_SESSION = 13;
export const ERROR_NOT_TCP_SESSION = 14;
export const ERROR_TOO_MANY_CONNECTIONS = 15;
export const ERROR_HUB_BUSY = 16;
export const ERROR_TOO_MANY_USER_SESSIONS = 20;
export const ERROR_NOT_SUPPORTED = 33;
export const ERROR_NOT_ENOUGH_RIGHTS = 52;
export const ERROR_VERSION = 87;
export const ERROR_CANNOT_ACCEPT = 105;
export const ERROR_MONITOR_DENIED = 107;
export const ERROR_BRIDGE_DENIED = 108;
export const ERROR_ADDRESS_DENIED = 109;
export const ERROR_AUTO_DISCONNECTED = 126;

export interface ErrorInfo {
  readonly code: number;
  /** One word for logs and scripts, such as `auth-failed`; `error-n` for a number that nobody knows. */
  readonly name: string;
  /** A sentence for people. */
  readonly message: string;
  /** Whether trying again is useless until somebody changes a setting here or on the server. */
  readonly permanent: boolean;
}

/** Never fails: an unknown number is temporary, because a retry costs little and giving up costs the connection. */
export function describeError(code: number): ErrorInfo {
  const known = KNOWN.get(code);
  if (known === undefined) {
    return { code, name: `error-${code}`, message: `The server refused with error ${code}.`, permanent: false };
  }
  return { code, name: known[0], message: known[1], permanent: known[2] === PERMANENT };
}

const PERMANENT = 'permanent';
const TEMPORARY = 'temporary';
type Row = readonly [name: string, message: string, lasts: typeof PERMANENT | typeof TEMPORARY];

const KNOWN: ReadonlyMap<number, Row> = new Map<number, Row>([
  [0, ['none', 'There was no error.', TEMPORARY]],
  [1, ['connect-failed', 'The server could not be reached.', TEMPORARY]],
  [2, ['not-vpn-server', 'The other side is not a VPN server.', TEMPORARY]],
  [3, ['disconnected', 'The connection was closed or a message was malformed.', TEMPORARY]],
  [4, ['protocol', 'The other side did not keep to the protocol.', TEMPORARY]],
  [5, ['not-vpn-client', 'The other side is not a VPN client.', TEMPORARY]],
  [6, ['cancelled', 'The user cancelled the connection.', PERMANENT]],
  [7, ['auth-type', 'The server does not support this kind of authentication.', PERMANENT]],
  [8, ['hub-not-found', 'There is no virtual hub of this name on the server.', PERMANENT]],
  [9, ['auth-failed', 'The user name or the password is wrong.', PERMANENT]],
  [10, ['hub-offline', 'The virtual hub is offline.', TEMPORARY]],
  [11, ['session-removed', 'The session was ended by the server.', TEMPORARY]],
  [12, ['access-denied', 'Access was denied: the account may have expired or be blocked.', PERMANENT]],
  [13, ['unknown-session', 'The session has timed out or is not known to the server.', TEMPORARY]],
  [14, ['invalid-protocol', 'The session does not use this protocol.', TEMPORARY]],
  [15, ['too-many-connections', 'The session has too many TCP connections.', TEMPORARY]],
  [16, ['hub-busy', 'The virtual hub has as many sessions as it may have.', TEMPORARY]],
  [17, ['proxy-connect-failed', 'The proxy could not be reached.', TEMPORARY]],
  [18, ['proxy-error', 'The proxy reported an error.', TEMPORARY]],
  [19, ['proxy-auth-failed', 'The proxy refused the user name or the password.', PERMANENT]],
  [20, ['too-many-user-sessions', 'The user has as many sessions as the policy allows.', TEMPORARY]],
  [21, ['licence', 'The server lacks a licence.', TEMPORARY]],
  [22, ['adapter', 'The virtual network adapter failed.', TEMPORARY]],
  [23, ['internal', 'The server reported an internal error.', TEMPORARY]],
  [29, ['object-not-found', 'The object was not found.', PERMANENT]],
  [33, ['not-supported', 'The server does not support this operation.', PERMANENT]],
  [38, ['invalid-parameter', 'A parameter is invalid.', PERMANENT]],
  [46, ['not-controller', 'The server is not a cluster controller.', PERMANENT]],
  [48, ['controller-unreachable', 'The cluster controller cannot be reached.', TEMPORARY]],
  [49, ['cannot-host-hub', 'The cluster cannot host the virtual hub now.', TEMPORARY]],
  [51, ['empty-password', 'An empty password is allowed on the same machine only.', PERMANENT]],
  [52, ['not-enough-rights', 'The rights do not suffice.', PERMANENT]],
  [53, ['listener-not-found', 'There is no such listener.', PERMANENT]],
  [54, ['listener-exists', 'There is such a listener already.', PERMANENT]],
  [57, ['hub-exists', 'There is a virtual hub of this name already.', PERMANENT]],
  [58, ['too-many-hubs', 'There are too many virtual hubs.', PERMANENT]],
  [63, ['too-many-users', 'There are too many users.', PERMANENT]],
  [65, ['group-not-found', 'There is no such group.', PERMANENT]],
  [66, ['user-exists', 'There is a user of this name already.', PERMANENT]],
  [67, ['group-exists', 'There is a group of this name already.', PERMANENT]],
  [68, ['not-password-user', 'The user does not sign in with a password.', PERMANENT]],
  [69, ['old-password-wrong', 'The old password is wrong.', PERMANENT]],
  [75, ['already-online', 'It is online already.', PERMANENT]],
  [76, ['already-offline', 'It is offline already.', PERMANENT]],
  [85, ['certificate-not-trusted', 'The certificate of the server is not trusted.', PERMANENT]],
  [87, ['version', 'The server does not accept this version of the client.', PERMANENT]],
  [94, ['invalid-name', 'The name is invalid.', PERMANENT]],
  [105, ['cannot-accept', 'The server cannot accept connections now.', TEMPORARY]],
  [106, ['certificate-expired', 'The certificate of the server has expired.', PERMANENT]],
  [107, ['monitor-denied', 'The user may not use monitor mode.', PERMANENT]],
  [108, ['bridge-denied', 'The user may not use bridge or router mode.', PERMANENT]],
  [109, ['address-denied', 'The server does not accept connections from this address.', PERMANENT]],
  [110, ['too-many-items', 'There are too many items.', PERMANENT]],
  [112, ['object-exists', 'There is such an object already.', PERMANENT]],
  [121, ['not-admin-pack-server', 'The server does not support this kind of administration.', PERMANENT]],
  [124, ['server-brand', 'The server accepts clients of its own brand only.', PERMANENT]],
  [125, ['client-brand', 'The client accepts servers of its own brand only.', PERMANENT]],
  [126, ['auto-disconnected', 'The session has lasted as long as the policy allows.', PERMANENT]],
  [127, ['client-id', 'The server requires another client id.', PERMANENT]],
  [131, ['ambiguous-nat-traversal', 'There are two or more servers behind the same address.', PERMANENT]],
  [138, ['password-reset', 'The password must be set again before it can be used in this way.', PERMANENT]],
  [142, ['openvpn-disabled', 'OpenVPN is disabled on the server.', PERMANENT]],
  [143, ['not-in-open-source', 'The open-source edition does not have this function.', PERMANENT]],
  [147, ['not-in-open-source', 'The open-source edition does not have this function.', PERMANENT]],
  [148, ['suspending', 'The system is about to sleep.', TEMPORARY]],
  [149, ['host-name-mismatch', 'The certificate of the server is for another host name.', PERMANENT]],
  [150, ['tls-version', 'The two sides have no TLS version in common.', PERMANENT]],
  [151, ['tls-cipher', 'The two sides have no TLS cipher in common.', PERMANENT]],
  [152, ['tls-handshake', 'The TLS handshake failed.', TEMPORARY]],
]);
