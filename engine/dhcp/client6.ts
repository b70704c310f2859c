/**
 * A client of DHCPv6 (RFC 8415 §18) with one association for addresses that are not temporary, without I/O. Prefixes, and
 * addresses that routers advertise, are not its business.
 */

import type { Timed } from '../deadlines.ts';
import type { Random } from '../host.ts';
import { equalBytes } from '../login/password.ts';
import { formatIpv6 } from '../pack/ip-text.ts';
import { parseUdp, udp6Frame } from './datagram.ts';
import {
  ADVERTISE,
  type Association6,
  CONFIRM,
  decodeReply6,
  encodeRequest6,
  INFORMATION,
  NO_BINDING,
  NOT_ON_LINK,
  REBIND,
  RELEASE6,
  RENEW,
  REQUEST6,
  type Reply6,
  SOLICIT,
  SUCCESS,
} from './message6.ts';

/** Times are the host's milliseconds; Infinity: for ever. */
export interface Lease6 {
  readonly addresses: readonly { readonly address: string; readonly preferred: number; readonly valid: number }[];
  /** The server's link-local address. */
  readonly server: string;
  readonly obtained: number;
  readonly renewAt: number;
  readonly rebindAt: number;
  readonly expiresAt: number;
}

export type Dhcp6State =
  | 'idle'
  | 'soliciting'
  | 'requesting'
  | 'confirming'
  | 'bound'
  | 'renewing'
  | 'rebinding'
  | 'informing'
  | 'informed';

export interface Dhcp6Options {
  readonly mac: Uint8Array;
  readonly random: Random;
  /** The TAP's link-local address, sixteen bytes; undefined while it has none. */
  readonly linkLocal: () => Uint8Array | undefined;
  readonly send: (frame: Uint8Array) => void;
  /** The lease is another one now, or gone; or only the DNS servers are others. */
  readonly changed: (lease: Lease6 | undefined, cause: string) => void;
  readonly touch: (timed: Timed) => void;
}

const CLIENT_PORT = 546;
const SERVER_PORT = 547;
/** All_DHCP_Relay_Agents_and_Servers, RFC 8415 §7.1. */
const ALL_SERVERS = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2);
const ALL_SERVERS_MAC = Uint8Array.of(0x33, 0x33, 0, 1, 0, 2);

/** Milliseconds of RFC 8415 §7.6: first, longest, and how often. */
const TIMING = {
  soliciting: { first: 1_000, longest: 3_600_000, times: Number.POSITIVE_INFINITY },
  requesting: { first: 1_000, longest: 30_000, times: 10 },
  confirming: { first: 1_000, longest: 4_000, times: 4 },
  renewing: { first: 10_000, longest: 600_000, times: Number.POSITIVE_INFINITY },
  rebinding: { first: 10_000, longest: 600_000, times: Number.POSITIVE_INFINITY },
  informing: { first: 1_000, longest: 3_600_000, times: Number.POSITIVE_INFINITY },
} as const;
type Asking = keyof typeof TIMING;

const MESSAGES: Readonly<Record<Asking, number>> = {
  soliciting: SOLICIT,
  requesting: REQUEST6,
  confirming: CONFIRM,
  renewing: RENEW,
  rebinding: REBIND,
  informing: INFORMATION,
};
/** How long what other settings were told holds: IRT_DEFAULT. */
const INFORMATION_MS = 86_400_000;
/** Without a link-local address nothing can be asked; it is there as soon as the kernel has looked for others. */
const LINK_LOCAL_MS = 500;
const VALID_MIN_SECONDS = 5;

interface Held {
  readonly server: Uint8Array;
  readonly addresses: readonly Uint8Array[];
}

export class Dhcp6 implements Timed {
  readonly #options: Dhcp6Options;
  readonly #client: Uint8Array;
  readonly #id: number;
  #state: Dhcp6State = 'idle';
  #lease: Lease6 | undefined;
  #held: Held | undefined;
  #advertised:
    | { readonly server: Uint8Array; readonly preference: number; readonly addresses: readonly Uint8Array[] }
    | undefined;
  #transaction = 0;
  #since = 0;
  #sent = 0;
  #pause = 0;
  #due = Number.POSITIVE_INFINITY;
  #linked = false;
  #dns: readonly string[] = [];
  #search: readonly string[] = [];

  constructor(options: Dhcp6Options) {
    this.#options = options;
    const { mac } = options;
    // DUID-LL, RFC 8415 §11.4: the type, Ethernet, the address.
    this.#client = Uint8Array.of(0, 3, 0, 1, ...mac);
    this.#id = new DataView(mac.buffer, mac.byteOffset, 6).getUint32(2);
  }

  get state(): Dhcp6State {
    return this.#state;
  }

  get lease(): Lease6 | undefined {
    return this.#lease;
  }

  get dns(): readonly string[] {
    return this.#dns;
  }

  get search(): readonly string[] {
    return this.#search;
  }

  /** There is a way to servers. `addresses`: false, to ask for other settings only. */
  handleLink(now: number, addresses: boolean): void {
    this.#linked = true;
    if (!addresses) return this.#begin('informing', now);
    if (this.#lease !== undefined && now < this.#lease.expiresAt) this.#begin('confirming', now);
    else this.#begin('soliciting', now);
  }

  handleLinkLost(): void {
    this.#linked = false;
    this.#state = this.#lease === undefined ? 'idle' : 'bound';
    this.#due = this.#lease?.expiresAt ?? Number.POSITIVE_INFINITY;
    this.#options.touch(this);
  }

  /** Gives the lease back and ends. */
  release(now: number): void {
    const held = this.#held;
    if (held !== undefined && this.#linked && this.#lease !== undefined && now < this.#lease.expiresAt) {
      this.#transaction = this.#number() & 0xff_ffff;
      this.#since = now;
      this.#send(RELEASE6, now, held.server, held.addresses);
    }
    this.#linked = false;
    this.#held = undefined;
    this.#lease = undefined;
    this.#state = 'idle';
    this.#due = Number.POSITIVE_INFINITY;
  }

  pollTimeout(): number {
    return this.#due;
  }

  handleTimeout(now: number): void {
    const lease = this.#lease;
    if (lease !== undefined && now >= lease.expiresAt) {
      this.#lose('the lease has expired');
      if (this.#linked) this.#begin('soliciting', now);
      else this.#due = Number.POSITIVE_INFINITY;
      return;
    }
    switch (this.#state) {
      case 'idle':
        this.#due = Number.POSITIVE_INFINITY;
        return;
      case 'bound':
        if (!this.#linked) {
          this.#due = lease?.expiresAt ?? Number.POSITIVE_INFINITY;
          return;
        }
        return this.#begin(now >= lease!.rebindAt ? 'rebinding' : 'renewing', now);
      case 'informed':
        return this.#begin('informing', now);
      case 'renewing':
        if (now >= lease!.rebindAt) return this.#begin('rebinding', now);
        return this.#ask(now);
      case 'soliciting':
        // The first pause is for those who answer later, and are preferred (RFC 8415 §18.2.1).
        if (this.#advertised !== undefined) return this.#begin('requesting', now);
        return this.#ask(now);
      case 'requesting':
        if (this.#sent >= TIMING.requesting.times) return this.#begin('soliciting', now);
        return this.#ask(now);
      case 'confirming':
        // Nobody says anything: what was given is used while it lasts.
        if (this.#sent >= TIMING.confirming.times) return this.#rest(now);
        return this.#ask(now);
      default:
        return this.#ask(now);
    }
  }

  /** A frame to a DHCPv6 client's port. */
  handleFrame(frame: Uint8Array, now: number): void {
    const datagram = parseUdp(frame);
    if (datagram === undefined || datagram.source.length !== 16 || datagram.destinationPort !== CLIENT_PORT) return;
    if (!this.#linked) return;
    const reply = decodeReply6(datagram.payload, this.#client, this.#id);
    if (reply === undefined || reply.transaction !== this.#transaction) return;
    const from = formatIpv6(datagram.source);
    switch (this.#state) {
      case 'soliciting':
        if (reply.type === ADVERTISE) return this.#handleAdvertise(reply, now);
        // RFC 8415 §18.2.1: without the option it was not asked for in this way.
        if (reply.rapid) this.#handleLease(reply, from, now);
        return;
      case 'requesting':
        if (reply.type !== ADVERTISE && equalBytes(reply.server, this.#advertised!.server))
          this.#handleLease(reply, from, now);
        return;
      case 'renewing':
        if (reply.type !== ADVERTISE && equalBytes(reply.server, this.#held!.server))
          this.#handleLease(reply, from, now);
        return;
      case 'rebinding':
        if (reply.type !== ADVERTISE) this.#handleLease(reply, from, now);
        return;
      case 'confirming':
        if (reply.type === ADVERTISE) return;
        if (reply.status === NOT_ON_LINK) this.#startAnew('the addresses do not belong to this network any more', now);
        else if (reply.status === SUCCESS) this.#rest(now);
        return;
      case 'informing':
        if (reply.type === ADVERTISE) return;
        this.#state = 'informed';
        this.#due = now + INFORMATION_MS;
        this.#take(reply);
        this.#options.touch(this);
        this.#options.changed(this.#lease, 'other settings were told');
    }
  }

  #handleAdvertise(reply: Reply6, now: number): void {
    const addresses = reply.association?.status === SUCCESS ? reply.association.addresses : [];
    if (reply.status !== SUCCESS || addresses.length === 0) return;
    if (this.#advertised !== undefined && this.#advertised.preference >= reply.preference) return;
    this.#advertised = {
      server: reply.server,
      preference: reply.preference,
      addresses: addresses.map(({ bytes }) => bytes),
    };
    if (reply.preference === 255 || this.#sent > 1) this.#begin('requesting', now);
  }

  #handleLease(reply: Reply6, from: string, now: number): void {
    const { association } = reply;
    const lost = [reply.status, association?.status].some((each) => each === NO_BINDING || each === NOT_ON_LINK);
    if (lost && this.#state !== 'soliciting')
      return this.#startAnew('the server does not know the lease any more', now);
    if (reply.status !== SUCCESS || association === undefined || association.status !== SUCCESS) return;
    const addresses = association.addresses.filter(({ valid }) => valid > 0);
    if (addresses.length === 0) {
      if (this.#lease !== undefined) this.#startAnew('the server took the addresses back', now);
      return;
    }
    const wasBound = this.#lease !== undefined;
    this.#held = { server: reply.server, addresses: addresses.map(({ bytes }) => bytes) };
    this.#take(reply);
    this.#lease = leaseOf(association, addresses, from, now);
    this.#rest(now);
    this.#options.changed(this.#lease, wasBound ? 'the lease was renewed' : 'a lease was given');
  }

  #take({ dns, search }: Reply6): void {
    this.#dns = dns;
    this.#search = search;
  }

  #startAnew(cause: string, now: number): void {
    if (this.#lease !== undefined) this.#lose(cause);
    this.#begin('soliciting', now);
  }

  #lose(cause: string): void {
    this.#lease = undefined;
    this.#held = undefined;
    this.#dns = [];
    this.#search = [];
    this.#state = 'idle';
    this.#options.changed(undefined, cause);
  }

  #rest(now: number): void {
    this.#state = 'bound';
    const { renewAt, rebindAt, expiresAt } = this.#lease!;
    this.#due = [renewAt, rebindAt].find((at) => at > now) ?? expiresAt;
    this.#options.touch(this);
  }

  #begin(state: Asking, now: number): void {
    this.#state = state;
    this.#sent = 0;
    this.#since = now;
    this.#transaction = this.#number() & 0xff_ffff;
    if (state === 'soliciting') this.#advertised = undefined;
    this.#ask(now);
  }

  #ask(now: number): void {
    const state = this.#state as Asking;
    const held = this.#held;
    const addresses = state === 'requesting' ? this.#advertised!.addresses : (held?.addresses ?? []);
    const server = state === 'requesting' ? this.#advertised!.server : state === 'renewing' ? held!.server : undefined;
    const sent = this.#send(MESSAGES[state], now, server, state === 'informing' ? undefined : addresses);
    this.#options.touch(this);
    if (!sent) {
      this.#due = now + LINK_LOCAL_MS;
      return this.#options.touch(this);
    }
    const { first, longest } = TIMING[state];
    this.#sent++;
    // RFC 8415 §15; a first pause of a solicitation is longer than its base, never shorter.
    const chance = this.#number() / 0x1_0000_0000;
    const spread = state === 'soliciting' && this.#sent === 1 ? chance * 0.1 : (chance - 0.5) * 0.2;
    const base = this.#sent === 1 ? first : Math.min(2 * this.#pause, longest);
    this.#pause = base * (1 + spread);
    this.#due = now + this.#pause;
    const lease = this.#lease;
    if (lease !== undefined) {
      const end = state === 'renewing' ? lease.rebindAt : lease.expiresAt;
      // Leases that are shorter than the pauses of the standard are asked for in time as well.
      if (state === 'renewing' || state === 'rebinding')
        this.#due = Math.min(this.#due, now + Math.max(1_000, (end - now) / 2));
      this.#due = Math.min(this.#due, end);
    }
    this.#options.touch(this);
  }

  /** @param addresses Undefined: none are asked for. Returns false while the TAP has no address to send from. */
  #send(
    type: number,
    now: number,
    server: Uint8Array | undefined,
    addresses: readonly Uint8Array[] | undefined,
  ): boolean {
    const { mac, linkLocal, send } = this.#options;
    const source = linkLocal();
    if (source === undefined) return false;
    const payload = encodeRequest6({
      type,
      transaction: this.#transaction,
      client: this.#client,
      server,
      elapsed: Math.round((now - this.#since) / 10),
      ...(addresses === undefined ? {} : { association: { id: this.#id, addresses } }),
    });
    send(
      udp6Frame({
        sourceMac: mac,
        destinationMac: ALL_SERVERS_MAC,
        source,
        destination: ALL_SERVERS,
        sourcePort: CLIENT_PORT,
        destinationPort: SERVER_PORT,
        payload,
      }),
    );
    return true;
  }

  #number(): number {
    const bytes = this.#options.random(4);
    return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  }
}

function leaseOf(
  { renew, rebind }: Association6,
  addresses: Association6['addresses'],
  server: string,
  now: number,
): Lease6 {
  const given = addresses.map(({ bytes, preferred, valid }) => ({
    address: formatIpv6(bytes),
    preferred,
    valid: Math.max(valid, VALID_MIN_SECONDS),
  }));
  const shortest = Math.min(...given.map(({ preferred, valid }) => preferred || valid));
  const valid = Math.min(...given.map((each) => each.valid));
  // RFC 8415 §21.4: what the server leaves open.
  const rebindS = Math.min(rebind || shortest * 0.8, valid);
  const renewS = Math.max(1, Math.min(renew || shortest * 0.5, rebindS));
  return {
    addresses: given,
    server,
    obtained: now,
    renewAt: now + renewS * 1000,
    rebindAt: now + Math.max(renewS, rebindS) * 1000,
    expiresAt: now + valid * 1000,
  };
}
