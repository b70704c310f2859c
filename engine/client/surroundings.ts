/** A client's part of the machine: its TAP's addresses, and the settings that follow from them. */

import type { AddressStatus, RouteStatus, SettingsStatus } from '../admin/status.ts';
import { isIpAddress } from '../config/address.ts';
import type { HostError, Machine, Way } from '../host.ts';
import type { Node, TapPort } from '../node.ts';
import { Addressing } from './addressing.ts';
import { SettingsKeeper } from './keep-settings.ts';
import type { ClientEvent, ClientOptions, ClientSettings } from './options.ts';
import { type Plan, plan } from './plan.ts';

export interface SurroundingsOptions {
  readonly node: Node;
  readonly hub: number;
  readonly client: ClientOptions;
  readonly settings: ClientSettings;
  readonly tap: TapPort;
  readonly port: () => number | undefined;
  readonly onEvent: (event: ClientEvent) => void;
  /** Something cannot be set that the profile asks for. */
  readonly failed: (error: HostError) => void;
}

export class Surroundings {
  readonly #options: SurroundingsOptions;
  readonly #machine: Machine;
  readonly #keeper: SettingsKeeper;
  readonly #addressing: Addressing;
  /** Where the server, or the proxy, was found last. */
  #servers: readonly string[] = [];
  /** The attempt before this one did not get there: the name may stand for another address now. */
  #lookUp = false;
  #lan: readonly string[] = [];
  #plan: Plan | undefined;
  #over = false;

  /** Throws a `HostError`. */
  constructor(options: SurroundingsOptions) {
    this.#options = options;
    const { node, settings, tap, hub } = options;
    const { machines } = node.host;
    if (machines === undefined) {
      const message =
        'This machine has no way to change addresses, routes and DNS servers; leave them out of the profile.';
      throw { doing: 'settings', code: 'ENOSYS', message } satisfies HostError;
    }
    this.#machine = machines.open(tap.tap.name, settings.journals);
    this.#keeper = new SettingsKeeper(this.#machine, node.log);
    try {
      this.#lan = settings.allowLan ? this.#machine.networks() : [];
      this.#addressing = new Addressing({
        node,
        hub,
        settings,
        mac: tap.tap.mac,
        port: options.port,
        linkLocal: () => this.#linkLocal(),
        changed: () => this.#update(),
        onEvent: options.onEvent,
      });
      this.#apply();
    } catch (error) {
      this.#keeper.end();
      throw error;
    }
  }

  /** How the server is found: its address has to be known before anything is steered away from it. */
  way(): Way {
    const known = this.#lookUp && !isIpAddress(this.#target.host) ? [] : this.#servers;
    return {
      known,
      found: (addresses) => {
        if (this.#over || addresses.join() === this.#servers.join()) return;
        this.#servers = addresses;
        try {
          this.#apply();
        } catch (error) {
          this.#options.failed(error as HostError);
          throw error;
        }
      },
    };
  }

  handleEvent(event: ClientEvent): void {
    if (this.#over) return;
    const now = this.#options.node.now();
    if (event.kind === 'established') {
      this.#lookUp = false;
      this.#addressing.handleLink(now);
    } else if (event.kind === 'lost') {
      this.#lookUp = !this.#lookUp;
      this.#addressing.handleLinkLost();
    }
  }

  handleWake(now: number, addresses: readonly string[] | undefined): void {
    if (this.#over) return;
    if (addresses === undefined) return this.#addressing.handleWake(now);
    if (!this.#options.settings.allowLan) return;
    this.#lan = this.#machine.networks();
    this.#update();
  }

  /** Gives leases back. Returns whether that has to leave first. */
  release(): boolean {
    this.#over = true;
    return this.#addressing.end(this.#options.node.now());
  }

  /** Undoes everything. */
  end(): void {
    this.#over = true;
    this.#keeper.end();
  }

  status(): SettingsStatus {
    const { node, client, settings } = this.#options;
    const { lease4, lease6 } = this.#addressing;
    const date = (key: string, at: number) => (Number.isFinite(at) ? { [key]: node.date(at) } : {});
    const addresses: AddressStatus[] = client.tap.addresses.map((address) => ({ address, origin: 'profile' }));
    if (lease4 !== undefined) {
      const { address, prefix, server, renewAt, expiresAt } = lease4;
      const times = { ...date('renews', renewAt), ...date('expires', expiresAt) };
      addresses.push({ address: `${address}/${prefix}`, origin: 'dhcp', server, ...times });
    }
    for (const { address } of lease6?.addresses ?? []) {
      const times = { ...date('renews', lease6!.renewAt), ...date('expires', lease6!.expiresAt) };
      addresses.push({ address: `${address}/128`, origin: 'dhcpv6', server: lease6!.server, ...times });
    }
    if (settings.ipv6 === 'auto' || settings.ipv6 === 'dhcp') {
      for (const { address, linkLocal, validSeconds } of this.#machine.ownAddresses()) {
        const times = validSeconds === undefined ? {} : date('expires', node.now() + validSeconds * 1000);
        if (!linkLocal) addresses.push({ address, origin: 'slaac', ...times });
      }
    }
    const routes: RouteStatus[] = (this.#plan?.routes ?? []).map((route) => ({ ...route }));
    return {
      addresses,
      routes,
      ...(this.#plan?.dns === undefined ? {} : { dns: this.#plan.dns }),
      killSwitch: settings.killSwitch && this.#servers.length > 0,
      servers: this.#servers,
    };
  }

  get #target(): { readonly host: string; readonly port: number } {
    return this.#options.client.proxy ?? this.#options.client;
  }

  /** The settings follow; what fails ends the client. */
  #update(): void {
    if (this.#over) return;
    try {
      this.#apply();
    } catch (error) {
      this.#options.failed(error as HostError);
    }
  }

  #apply(): void {
    const { settings, tap, client } = this.#options;
    const { lease4, lease6, router6, dns6, search6 } = this.#addressing;
    this.#plan = plan({
      settings,
      tap: tap.tap.name,
      index: this.#machine.index,
      ipv6: this.#machine.ipv6,
      fixedMtu: client.tap.mtu !== undefined,
      servers: this.#servers,
      port: this.#target.port,
      lease4,
      addresses6: (lease6?.addresses ?? []).map((each) => ({ ...each, obtained: lease6!.obtained })),
      router6,
      dns6,
      search6,
      lan: this.#lan,
    });
    this.#keeper.update(this.#plan.changes);
  }

  #linkLocal(): string | undefined {
    const found = this.#machine.ownAddresses().find(({ linkLocal, tentative }) => linkLocal && !tentative);
    return found?.address.split('/')[0];
  }
}
