import type { TLSSocket } from 'node:tls';
import type { ChannelSecurity } from '../../engine/host.ts';
import { describeDistrust } from './distrust.ts';

/** What a socket of `node:tls` negotiated. */
export function describeProtocol(socket: TLSSocket): Pick<ChannelSecurity, 'protocol' | 'cipher'> {
  return { protocol: socket.getProtocol() ?? 'unknown', cipher: socket.getCipher()?.name ?? 'unknown' };
}

/** What a client's socket of `node:tls` negotiated, and with whom. @param host The name that was to be reached. */
export function describeSecurity(socket: TLSSocket, host: string): ChannelSecurity {
  const peer = socket.getPeerCertificate();
  const verdict = socket.authorizationError as Error | string | undefined;
  const distrust = describeDistrust(host, verdict ? String(verdict) : undefined, peer);
  return {
    ...describeProtocol(socket),
    certificate: new Uint8Array(peer.raw),
    ...(distrust === undefined ? {} : { distrust }),
  };
}
