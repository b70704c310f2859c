/** The cascades of a configuration: what stands there, before files have been read. */

import type { LinkOptions, RemoteCascadeOptions } from '../cascade/options.ts';
import type { ProxyPlace } from '../proxy/url.ts';
import { chooseTls } from '../tls-legacy/choice.ts';
import type { ParsedCascade } from './cascade-schema.ts';

/** Paths as they stand in the file; relative ones are meant from the file's own directory. */
export type CascadeConfig = LinkOptions | RemoteCascadeConfig;

export interface RemoteCascadeConfig extends Omit<RemoteCascadeOptions, 'credential' | 'trust' | 'ca' | 'proxy'> {
  readonly credential:
    | { readonly kind: 'anonymous' }
    | { readonly kind: 'hash'; readonly hash: Uint8Array }
    | { readonly kind: 'file'; readonly file: string; readonly plain: boolean }
    | { readonly kind: 'certificate'; readonly certificateFile: string; readonly keyFile: string };
  readonly trust:
    | { readonly kind: 'pin'; readonly fingerprint: string }
    | { readonly kind: 'ca'; readonly file: string }
    | { readonly kind: 'insecure' }
    /** A CA of the runtime's: there is nobody to ask. */
    | { readonly kind: 'system' };
  readonly proxy?: { readonly url: ProxyPlace; readonly credentialsFile?: string | undefined } | undefined;
}

/** The cascade, or which key of its `tls` does not fit, and why. */
export function cascadeConfig(
  name: string,
  found: ParsedCascade,
): CascadeConfig | { readonly key: string; readonly problem: string } {
  const { server, hub, online, policy } = found;
  if (server === undefined) return { kind: 'link', name, hub, online };
  const chosen = chooseTls(found.tls, 'client');
  if (!chosen.ok) return chosen;
  return {
    kind: 'session',
    name,
    online,
    ...server,
    hub,
    // The schema wants it beside a server.
    user: found.user!,
    credential: credentialOf(found),
    trust: trustOf(found),
    tls: chosen.choice,
    priorityRule: found.priorityRule,
    congestion: found.congestion,
    connections: found.connections,
    connectionIntervalMs: found.connectionInterval * 1000,
    connectionLifetimeMs: found.connectionLifetime * 1000,
    halfDuplex: found.halfDuplex,
    encrypt: found.encrypt,
    compress: found.compress,
    proxy: found.proxy,
    policy,
  };
}

function credentialOf(found: ParsedCascade): RemoteCascadeConfig['credential'] {
  const { passwordFile, passwordHash, plainPassword, clientCertificate, clientKey } = found;
  if (clientCertificate !== undefined && clientKey !== undefined) {
    return { kind: 'certificate', certificateFile: clientCertificate, keyFile: clientKey };
  }
  if (passwordHash !== undefined) return { kind: 'hash', hash: passwordHash };
  if (passwordFile !== undefined) return { kind: 'file', file: passwordFile, plain: plainPassword === true };
  return { kind: 'anonymous' };
}

function trustOf({ pin, ca, insecure }: ParsedCascade): RemoteCascadeConfig['trust'] {
  if (pin !== undefined) return { kind: 'pin', fingerprint: pin };
  if (ca !== undefined) return { kind: 'ca', file: ca };
  return insecure === true ? { kind: 'insecure' } : { kind: 'system' };
}
