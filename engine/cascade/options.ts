import type { ClientOptions } from '../client/options.ts';
import type { Policy } from '../login/policy.ts';

/** A hub's way to another hub, as the configuration describes it, checked and with every default filled in. */
export type CascadeOptions = RemoteCascadeOptions | LinkOptions;

interface CascadeBase {
  /** Unique in its hub, without regard to case. */
  readonly name: string;
  /** False: it is there, and off until somebody brings it up. */
  readonly online: boolean;
}

/** A session with a hub of another server, or of this one by way of its listener (`protocol/control-plane.md` §9). */
export interface RemoteCascadeOptions
  extends CascadeBase,
    Pick<
      ClientOptions,
      | 'host'
      | 'port'
      | 'hub'
      | 'user'
      | 'ca'
      | 'trust'
      | 'tls'
      | 'priorityRule'
      | 'congestion'
      | 'connections'
      | 'connectionIntervalMs'
      | 'connectionLifetimeMs'
      | 'halfDuplex'
      | 'encrypt'
      | 'compress'
      | 'proxy'
    > {
  readonly kind: 'session';
  /** `hash` is what the configuration may hold instead of a password: twenty bytes, `protocol/control-plane.md` §4.3. */
  readonly credential: ClientOptions['credential'] | { readonly kind: 'hash'; readonly hash: Uint8Array };
  /** What the hub demands of the frames that come in by the cascade (`protocol/data-plane.md` §6.10). */
  readonly policy: Policy;
}

/** Two hubs of one server, joined inside the core without a connection. */
export interface LinkOptions extends CascadeBase {
  readonly kind: 'link';
  /** The other hub. */
  readonly hub: string;
}

/** Milliseconds between two attempts, and how many there are (requirements B1, B2): nobody can set them. */
export const CASCADE_RECONNECT_MS = 10_000;
export const CASCADE_ATTEMPTS = Number.POSITIVE_INFINITY;
