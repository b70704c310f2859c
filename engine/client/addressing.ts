/** Where a TAP's addresses come from: DHCP, DHCPv6 and router advertisements of the hub, by frames of the engine's own. */

import { PUNT_ADVERTISEMENT, PUNT_DHCP, type Punted } from '../core.ts';
import type { Timed } from '../deadlines.ts';
import { type Advertisement, parseAdvertisement, solicitation } from '../dhcp/advertisement.ts';
import { Dhcp4, type Lease4 } from '../dhcp/client4.ts';
import { Dhcp6, type Lease6 } from '../dhcp/client6.ts';
import type { Node } from '../node.ts';
import { parseIpv6 } from '../pack/ip-text.ts';
import type { ClientEvent, ClientSettings } from './options.ts';

export interface AddressingOptions {
  readonly node: Node;
  readonly hub: number;
  readonly settings: Pick<ClientSettings, 'dhcp' | 'ipv6'>;
  readonly mac: Uint8Array;
  /** The port of the session that is up. */
  readonly port: () => number | undefined;
  /** The TAP's own link-local address, without a prefix. */
  readonly linkLocal: () => string | undefined;
  /** Something is another one now than before. */
  readonly changed: () => void;
  readonly onEvent: (event: ClientEvent) => void;
}

/** RFC 4861 §10: three solicitations, four seconds apart. */
const SOLICITATIONS_MAX = 3;
const SOLICITATION_MS = 4_000;
/** Advertisements are acted upon no more often: whoever sends many of them must not keep the machine busy. */
const ACT_MS = 1_000;
/** Routers of one network that are kept in mind. */
const ROUTERS_MAX = 4;

interface Router {
  readonly advertisement: Advertisement;
  readonly heard: number;
}

export class Addressing implements Timed {
  readonly #options: AddressingOptions;
  readonly #dhcp4: Dhcp4 | undefined;
  readonly #dhcp6: Dhcp6 | undefined;
  readonly #routers = new Map<string, Router>();
  #solicited = 0;
  #solicitAt = Number.POSITIVE_INFINITY;
  #asked6 = false;
  /** When what routers say was acted upon last, and when it will be. */
  #looked = Number.NEGATIVE_INFINITY;
  #actAt = Number.POSITIVE_INFINITY;
  #linked = false;

  constructor(options: AddressingOptions) {
    this.#options = options;
    const { node, mac, settings, hub } = options;
    const { random } = node.host;
    const common = {
      mac,
      random,
      send: (frame: Uint8Array) => this.#send(frame),
      touch: (timed: Timed) => node.touch(timed),
    };
    const listens = settings.ipv6 === 'auto' || settings.ipv6 === 'dhcp';
    if (settings.dhcp) {
      const { hostName } = node.host.runtime;
      let before: Lease4 | undefined;
      this.#dhcp4 = new Dhcp4({
        ...common,
        hostName,
        changed: (lease, cause) => {
          options.changed();
          this.#tell4(before, lease, cause);
          before = lease;
        },
      });
    }
    if (listens) {
      let before: Lease6 | undefined;
      this.#dhcp6 = new Dhcp6({
        ...common,
        linkLocal: () => {
          const text = options.linkLocal();
          return text === undefined ? undefined : parseIpv6(text);
        },
        changed: (lease, cause) => {
          options.changed();
          this.#tell6(before, lease, cause);
          before = lease;
        },
      });
    }
    const kinds = (settings.dhcp || listens ? PUNT_DHCP : 0) | (listens ? PUNT_ADVERTISEMENT : 0);
    if (kinds === 0) return;
    node.core.setPunts(hub, kinds, mac);
    node.plane.onPunt(hub, (punted) => this.#handlePunted(punted));
  }

  get lease4(): Lease4 | undefined {
    return this.#dhcp4?.lease;
  }

  get lease6(): Lease6 | undefined {
    return this.#dhcp6?.lease;
  }

  /** The router that was heard last of those that are one for everything. */
  get router6(): string | undefined {
    const now = this.#options.node.now();
    const alive = [...this.#routers.values()].filter(
      ({ advertisement, heard }) => heard + advertisement.lifetime * 1000 > now,
    );
    return alive.sort((left, right) => right.heard - left.heard)[0]?.advertisement.router;
  }

  get dns6(): readonly string[] {
    return [...(this.#dhcp6?.dns ?? []), ...this.#living('dns')];
  }

  get search6(): readonly string[] {
    return [...(this.#dhcp6?.search ?? []), ...this.#living('search')];
  }

  handleLink(now: number): void {
    this.#linked = true;
    this.#asked6 = false;
    this.#dhcp4?.handleLink(now);
    if (this.#dhcp6 === undefined) return;
    if (this.#options.settings.ipv6 === 'dhcp') this.#ask6(true, now);
    this.#solicited = 0;
    this.#solicit(now);
  }

  handleLinkLost(): void {
    this.#linked = false;
    this.#solicitAt = Number.POSITIVE_INFINITY;
    this.#dhcp4?.handleLinkLost();
    this.#dhcp6?.handleLinkLost();
  }

  /** The machine slept: others may have got the addresses meanwhile. */
  handleWake(now: number): void {
    if (this.#linked) this.handleLink(now);
  }

  /** Gives back what was leased. Returns whether there was anything. */
  end(now: number): boolean {
    const { node, hub } = this.#options;
    const leased = this.lease4 !== undefined || this.lease6 !== undefined;
    this.#dhcp4?.release(now);
    this.#dhcp6?.release(now);
    for (const timed of [this, this.#dhcp4, this.#dhcp6]) if (timed !== undefined) node.forget(timed);
    this.#linked = false;
    this.#solicitAt = Number.POSITIVE_INFINITY;
    this.#actAt = Number.POSITIVE_INFINITY;
    node.core.setPunts(hub, 0);
    node.plane.offPunt(hub);
    return leased;
  }

  pollTimeout(): number {
    // When something that a router said has had its time.
    const ends = [...this.#routers.values()].map(({ advertisement, heard }) => {
      const seconds = [advertisement.lifetime, ...advertisement.dns.map((each) => each.seconds)].filter(
        (each) => each > 0,
      );
      return heard + Math.min(...seconds, 65_535) * 1000;
    });
    return Math.min(this.#solicitAt, this.#actAt, ...ends.filter((end) => end > this.#looked));
  }

  handleTimeout(now: number): void {
    if (now >= this.#solicitAt) this.#solicit(now);
    this.#act(now);
  }

  #solicit(now: number): void {
    this.#send(solicitation(this.#options.mac));
    this.#solicited++;
    this.#solicitAt = this.#solicited < SOLICITATIONS_MAX ? now + SOLICITATION_MS : Number.POSITIVE_INFINITY;
    this.#options.node.touch(this);
  }

  #handlePunted({ kind, frame, port }: Punted): void {
    // What the machine itself says on the TAP is not what servers say.
    if (port !== this.#options.port()) return;
    const now = this.#options.node.now();
    if (kind === PUNT_ADVERTISEMENT) return this.#handleAdvertisement(frame, now);
    if (kind !== PUNT_DHCP) return;
    this.#dhcp4?.handleFrame(frame, now);
    this.#dhcp6?.handleFrame(frame, now);
  }

  #handleAdvertisement(frame: Uint8Array, now: number): void {
    const advertisement = parseAdvertisement(frame);
    if (advertisement === undefined) return;
    const { router, managed, other } = advertisement;
    this.#routers.delete(router);
    // The one that was heard first makes room.
    if (this.#routers.size >= ROUTERS_MAX) this.#routers.delete([...this.#routers.keys()][0]!);
    this.#routers.set(router, { advertisement, heard: now });
    this.#solicitAt = Number.POSITIVE_INFINITY;
    if (managed || other) this.#ask6(managed, now);
    this.#actAt = Math.min(this.#actAt, Math.max(now, this.#looked + ACT_MS));
    if (this.#actAt <= now) this.#act(now);
    this.#options.node.touch(this);
  }

  #act(now: number): void {
    this.#looked = now;
    this.#actAt = Number.POSITIVE_INFINITY;
    this.#options.changed();
  }

  #ask6(addresses: boolean, now: number): void {
    if (this.#asked6) return;
    this.#asked6 = true;
    this.#dhcp6?.handleLink(now, addresses);
  }

  #living(kind: 'dns' | 'search'): string[] {
    const now = this.#options.node.now();
    return [...this.#routers.values()].flatMap(({ advertisement, heard }) =>
      advertisement[kind].filter(({ seconds }) => heard + seconds * 1000 > now).map(({ value }) => value),
    );
  }

  #send(frame: Uint8Array): void {
    const port = this.#options.port();
    if (port !== undefined) this.#options.node.plane.inject(port, frame);
  }

  #tell4(before: Lease4 | undefined, lease: Lease4 | undefined, cause: string): void {
    const { onEvent, node } = this.#options;
    const text = ({ address, prefix }: Lease4) => `${address}/${prefix}`;
    if (before !== undefined && lease !== undefined && text(before) === text(lease)) {
      return node.log('debug', cause, { address: text(lease), server: lease.server });
    }
    if (before !== undefined) onEvent({ kind: 'unaddressed', address: text(before), cause });
    if (lease === undefined) return;
    const seconds = lease.lease !== undefined && Number.isFinite(lease.lease) ? { lease: lease.lease } : {};
    onEvent({ kind: 'addressed', address: text(lease), origin: 'dhcp', server: lease.server, ...seconds });
  }

  #tell6(before: Lease6 | undefined, lease: Lease6 | undefined, cause: string): void {
    const { onEvent, node } = this.#options;
    const held = new Set((before?.addresses ?? []).map(({ address }) => address));
    const now = new Set((lease?.addresses ?? []).map(({ address }) => address));
    for (const address of held)
      if (!now.has(address)) onEvent({ kind: 'unaddressed', address: `${address}/128`, cause });
    for (const { address, valid } of lease?.addresses ?? []) {
      if (held.has(address)) {
        node.log('debug', cause, { address, server: lease!.server });
        continue;
      }
      const seconds = Number.isFinite(valid) ? { lease: valid } : {};
      onEvent({ kind: 'addressed', address: `${address}/128`, origin: 'dhcpv6', server: lease!.server, ...seconds });
    }
  }
}
