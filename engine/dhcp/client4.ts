/**
 * A client of DHCP for IPv4 (RFC 2131 §4.4), without I/O: frames and `now` go in, frames come out.
 *
 * What a server gave stays for as long as it was given, also while there is no link; a link that is back has it confirmed.
 */

import type { Timed } from '../deadlines.ts';
import type { Random } from '../host.ts';
import { equalBytes } from '../login/password.ts';
import { formatIpv4 } from '../pack/ip-text.ts';
import { isHost4 } from './addresses.ts';
import { type Datagram, parseUdp, udp4Frame } from './datagram.ts';
import {
  ACK,
  DISCOVER,
  decodeReply4,
  encodeRequest4,
  NAK,
  OFFER,
  RELEASE,
  REQUEST,
  type Reply4,
  type Request4,
  type Settings4,
} from './message4.ts';

/** What was leased. Times are the host's milliseconds; Infinity: for ever. */
export interface Lease4 extends Settings4 {
  readonly address: string;
  readonly server: string;
  readonly obtained: number;
  readonly renewAt: number;
  readonly rebindAt: number;
  readonly expiresAt: number;
}

export type Dhcp4State =
  | 'idle'
  | 'selecting'
  | 'requesting'
  | 'rebooting'
  | 'bound'
  | 'renewing'
  | 'rebinding'
  | 'waiting';

export interface Dhcp4Options {
  /** Six bytes. */
  readonly mac: Uint8Array;
  readonly hostName?: string;
  readonly random: Random;
  /** A frame is to leave. */
  readonly send: (frame: Uint8Array) => void;
  /** The lease is another one now, or gone. `cause` says why, in words for a person. */
  readonly changed: (lease: Lease4 | undefined, cause: string) => void;
  /** `pollTimeout` may have come nearer. */
  readonly touch: (timed: Timed) => void;
}

const CLIENT_PORT = 68;
const SERVER_PORT = 67;
const ANY = Uint8Array.of(0, 0, 0, 0);
const BROADCAST = Uint8Array.of(255, 255, 255, 255);
const BROADCAST_MAC = new Uint8Array(6).fill(255);

/** RFC 2131 §4.1: 4 s, doubled up to 64 s, each give or take a second. */
const RETRY_MS = 4_000;
const RETRY_MAX_MS = 64_000;
const RETRY_SPREAD_MS = 2_000;
/** A server that offered and does not answer any more: after so many requests everybody is asked again. */
const REQUESTS_MAX = 4;
/** Nobody knows the lease any more, or nobody is there: it is used while it lasts (RFC 2131 §3.2, 3). */
const REBOOTS_MAX = 3;
/** Requests are not repeated faster while there is time (RFC 2131 §4.4.5); short leases have less of it. */
const RENEW_RETRY_MS = 60_000;
const RENEW_RETRY_MIN_MS = 1_000;
/** A server that refuses again and again is asked in peace. */
const NAK_MS = 1_000;
const NAK_MAX_MS = 60_000;

interface Offered {
  readonly address: Uint8Array;
  readonly server: Uint8Array;
}

export class Dhcp4 implements Timed {
  readonly #options: Dhcp4Options;
  #state: Dhcp4State = 'idle';
  #lease: Lease4 | undefined;
  /** Whom the lease is from. */
  #held: (Offered & { readonly serverMac: Uint8Array }) | undefined;
  #offered: Offered | undefined;
  #transaction = 0;
  #since = 0;
  #sent = 0;
  #naks = 0;
  #due = Number.POSITIVE_INFINITY;
  #linked = false;

  constructor(options: Dhcp4Options) {
    this.#options = options;
  }

  get state(): Dhcp4State {
    return this.#state;
  }

  get lease(): Lease4 | undefined {
    return this.#lease;
  }

  /** There is a way to servers: a lease that lives is confirmed, otherwise one is looked for. */
  handleLink(now: number): void {
    this.#linked = true;
    if (this.#lease !== undefined && now < this.#lease.expiresAt) this.#begin('rebooting', now);
    else this.#begin('selecting', now);
  }

  /** There is none for now. The lease stays. */
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
      this.#transaction = this.#number();
      this.#send({ type: RELEASE, client: held.address, server: held.server }, held, now);
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
      if (this.#linked) this.#begin('selecting', now);
      else this.#due = Number.POSITIVE_INFINITY;
      return;
    }
    switch (this.#state) {
      case 'idle':
        this.#due = Number.POSITIVE_INFINITY;
        return;
      case 'waiting':
        return this.#begin('selecting', now);
      case 'selecting':
        return this.#discover(now);
      case 'requesting':
        if (this.#sent >= REQUESTS_MAX) return this.#begin('selecting', now);
        return this.#request(now);
      case 'rebooting':
        if (this.#sent >= REBOOTS_MAX) return this.#rest(now);
        return this.#request(now);
      case 'bound':
        if (!this.#linked) {
          this.#due = lease?.expiresAt ?? Number.POSITIVE_INFINITY;
          return;
        }
        return this.#begin(now >= lease!.rebindAt ? 'rebinding' : 'renewing', now);
      case 'renewing':
        if (now >= lease!.rebindAt) return this.#begin('rebinding', now);
        return this.#request(now);
      case 'rebinding':
        return this.#request(now);
    }
  }

  /** A frame to a DHCP client's port; what is not for this client is passed over. */
  handleFrame(frame: Uint8Array, now: number): void {
    const datagram = parseUdp(frame);
    if (datagram === undefined || datagram.source.length !== 4) return;
    if (datagram.sourcePort !== SERVER_PORT || datagram.destinationPort !== CLIENT_PORT) return;
    const reply = decodeReply4(datagram.payload);
    if (reply === undefined || !this.#linked) return;
    if (reply.transaction !== this.#transaction || !equalBytes(reply.mac, this.#options.mac)) return;
    if (reply.type === OFFER) this.#handleOffer(reply, now);
    else if (reply.type === ACK) this.#handleAck(reply, datagram, now);
    else if (reply.type === NAK) this.#handleNak(reply, now);
  }

  /** The first one is as good as any. */
  #handleOffer({ address, server, settings }: Reply4, now: number): void {
    if (this.#state !== 'selecting' || server === undefined || !isHost4(address)) return;
    if (settings.lease === undefined) return;
    this.#offered = { address, server };
    this.#state = 'requesting';
    this.#sent = 0;
    this.#request(now);
  }

  #handleAck(reply: Reply4, { sourceMac }: Datagram, now: number): void {
    if (!this.#awaitsAnswer(reply)) return;
    const { address, settings } = reply;
    const { lease, renew, rebind } = settings;
    const server = reply.server ?? this.#offered?.server ?? this.#held?.server;
    if (lease === undefined || server === undefined || !isHost4(address)) return;
    // What was asked for is what is given.
    const asked = this.#state === 'requesting' ? this.#offered?.address : this.#held?.address;
    if (asked !== undefined && !equalBytes(asked, address)) return;
    const wasBound = this.#held !== undefined;
    this.#held = { address, server: server.slice(), serverMac: sourceMac.slice() };
    this.#naks = 0;
    const rebindS = rebind !== undefined && rebind < lease && rebind > 0 ? rebind : lease * 0.875;
    const renewS = renew !== undefined && renew < rebindS && renew > 0 ? renew : Math.min(lease * 0.5, rebindS);
    this.#lease = {
      ...settings,
      address: formatIpv4(address),
      server: formatIpv4(server),
      obtained: now,
      renewAt: now + renewS * 1000,
      rebindAt: now + rebindS * 1000,
      expiresAt: now + lease * 1000,
    };
    this.#rest(now);
    this.#options.changed(this.#lease, wasBound ? 'the lease was renewed' : 'a lease was given');
  }

  #handleNak(reply: Reply4, now: number): void {
    if (!this.#awaitsAnswer(reply)) return;
    const said = reply.settings.message === undefined ? '' : `: ${reply.settings.message}`;
    if (this.#lease !== undefined) this.#lose(`the server took the lease back${said}`);
    this.#offered = undefined;
    this.#state = 'waiting';
    this.#due = now + Math.min(NAK_MAX_MS, NAK_MS * 2 ** this.#naks);
    this.#naks = Math.min(this.#naks + 1, 16);
    this.#options.touch(this);
  }

  #awaitsAnswer({ server }: Reply4): boolean {
    switch (this.#state) {
      case 'requesting':
        return server !== undefined && equalBytes(server, this.#offered!.server);
      case 'renewing':
        return server === undefined || equalBytes(server, this.#held!.server);
      case 'rebooting':
      case 'rebinding':
        return true;
      default:
        return false;
    }
  }

  #lose(cause: string): void {
    this.#lease = undefined;
    this.#held = undefined;
    this.#state = 'idle';
    this.#options.changed(undefined, cause);
  }

  /** Until it is time to renew. */
  #rest(now: number): void {
    this.#state = 'bound';
    const { renewAt, rebindAt, expiresAt } = this.#lease!;
    this.#due = [renewAt, rebindAt].find((at) => at > now) ?? expiresAt;
    this.#options.touch(this);
  }

  #begin(state: 'selecting' | 'rebooting' | 'renewing' | 'rebinding', now: number): void {
    this.#state = state;
    this.#sent = 0;
    this.#since = now;
    this.#transaction = this.#number();
    if (state === 'selecting') this.#discover(now);
    else this.#request(now);
  }

  #discover(now: number): void {
    this.#offered = undefined;
    this.#send({ type: DISCOVER }, undefined, now);
    this.#retry(now);
  }

  #request(now: number): void {
    const held = this.#held;
    switch (this.#state) {
      case 'requesting':
        this.#send({ type: REQUEST, requested: this.#offered!.address, server: this.#offered!.server }, undefined, now);
        return this.#retry(now);
      // RFC 2131 §4.3.2: no server identifier, and the address as an option.
      case 'rebooting':
        this.#send({ type: REQUEST, requested: held!.address }, undefined, now);
        return this.#retry(now);
      default: {
        const { rebindAt, expiresAt, obtained } = this.#lease!;
        const renewing = this.#state === 'renewing';
        this.#send(
          { type: REQUEST, client: held!.address },
          renewing ? held : { ...held!, serverMac: BROADCAST_MAC },
          now,
        );
        const end = renewing ? rebindAt : expiresAt;
        const least = Math.min(RENEW_RETRY_MS, Math.max(RENEW_RETRY_MIN_MS, (expiresAt - obtained) / 16));
        this.#due = Math.min(end, now + Math.max(least, (end - now) / 2));
        this.#options.touch(this);
      }
    }
  }

  #retry(now: number): void {
    const pause = Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** Math.min(this.#sent - 1, 10));
    const spread = (this.#number() / 0x1_0000_0000 - 0.5) * RETRY_SPREAD_MS;
    this.#due = now + pause + spread;
    if (this.#lease !== undefined) this.#due = Math.min(this.#due, this.#lease.expiresAt);
    this.#options.touch(this);
  }

  /** @param held Whoever has an address already speaks from it; to the server alone, or to all. */
  #send(
    request: Pick<Request4, 'type' | 'client' | 'requested' | 'server'>,
    held: (Offered & { readonly serverMac: Uint8Array }) | undefined,
    now: number,
  ): void {
    const { mac, hostName, send } = this.#options;
    this.#sent++;
    const toAll = held === undefined || held.serverMac === BROADCAST_MAC;
    const payload = encodeRequest4({
      ...request,
      transaction: this.#transaction,
      seconds: Math.round((now - this.#since) / 1000),
      mac,
      hostName,
    });
    send(
      udp4Frame({
        sourceMac: mac,
        destinationMac: held?.serverMac ?? BROADCAST_MAC,
        source: held?.address ?? ANY,
        destination: toAll ? BROADCAST : held.server,
        sourcePort: CLIENT_PORT,
        destinationPort: SERVER_PORT,
        payload,
      }),
    );
  }

  #number(): number {
    const bytes = this.#options.random(4);
    return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  }
}
