/** Alerts (RFC 5246 §7.2, RFC 6101 §5.4, RFC 7507 §4). */

export const ALERTS = {
  close_notify: 0,
  unexpected_message: 10,
  bad_record_mac: 20,
  handshake_failure: 40,
  no_certificate: 41,
  bad_certificate: 42,
  illegal_parameter: 47,
  decode_error: 50,
  decrypt_error: 51,
  protocol_version: 70,
  insufficient_security: 71,
  internal_error: 80,
  inappropriate_fallback: 86,
  no_renegotiation: 100,
} as const;
export type AlertName = keyof typeof ALERTS;

export const WARNING = 1;
export const FATAL = 2;

export function alertText(code: number): string {
  const known = Object.entries(ALERTS).find(([, value]) => value === code);
  return known?.[0] ?? `alert ${code}`;
}

/** What a peer did that ends the connection: the alert that tells it so, and the words that tell a person. */
export class TlsProblem extends Error {
  readonly alert: AlertName;

  constructor(alert: AlertName, message: string) {
    super(message);
    this.name = 'TlsProblem';
    this.alert = alert;
  }
}
