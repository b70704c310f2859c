/** What `etherloom connect` sets in the machine, and what earlier ones left in it. */

import type { ClientSettings } from '../engine/client/options.ts';
import type { Host, HostError, Log } from '../engine/host.ts';
import type { ConnectFlags } from './commands/connect.ts';
import type { Source } from './connect-settings.ts';
import { runtimeDirectory, socketDirectories } from './control-paths.ts';
import { Failure } from './failure.ts';
import type { Io } from './io.ts';

export type WantedSettings = Omit<ClientSettings, 'journals'>;

/**
 * Where journals of changes are, the preferred place first. The one that XDG_RUNTIME_DIR names comes last: whoever cleans up
 * after a crash may have another environment.
 */
export function journalDirectories(io: Io): readonly string[] {
  const named = (directory: string): boolean => directory === runtimeDirectory(io);
  const all = socketDirectories(io);
  return [...all.filter((directory) => !named(directory)), ...all.filter(named)];
}

/** Undoes what processes left that were killed. What cannot be undone is said, and nothing more. */
export function recoverMachine(host: Pick<Host, 'machines'>, io: Io, log: Log): void {
  try {
    for (const what of host.machines?.recover(journalDirectories(io)) ?? []) {
      log('warn', 'settings that a killed process left were looked after', { what });
    }
  } catch (error) {
    log('warn', 'settings that a killed process left cannot be looked after', { cause: (error as HostError).message });
  }
}

/** Undefined when nothing is to be set. Throws a `Failure` for what cannot work together. */
export function checkedSettings(flags: ConnectFlags, { profile, invalid }: Source): WantedSettings | undefined {
  const routes = flags.route ?? profile.routes ?? [];
  const dns = flags.dns ?? profile.dns ?? [];
  const ipv6 = flags.ipv6 ?? profile.tap.ipv6;
  const metric = profile.metric;
  const settings: WantedSettings = {
    dhcp: flags.dhcp ?? profile.tap.dhcp ?? false,
    ...(ipv6 === undefined ? {} : { ipv6 }),
    routes: routes.filter((each) => each !== 'default' && each !== 'auto'),
    defaultRoute: routes.includes('default'),
    serverRoutes: routes.includes('auto'),
    gateways: flags.gateway ?? profile.gateway ?? [],
    ...(metric === undefined ? {} : { metric }),
    dns: dns.filter((each) => each !== 'auto'),
    serverDns: dns.includes('auto'),
    search: profile.search ?? [],
    killSwitch: flags.killSwitch ?? profile.killSwitch ?? false,
    allowLan: flags.allowLan ?? profile.allowLan ?? false,
  };
  const refuse = (key: string, option: string, given: boolean, problem: string): Failure =>
    !given && invalid !== undefined
      ? invalid([key], problem)
      : new Failure('usage', `option '${option}' is invalid: ${problem}`);
  const { dhcp, gateways } = settings;
  const listens = ipv6 === 'auto' || ipv6 === 'dhcp';
  if (settings.serverRoutes && !dhcp) {
    throw refuse('routes', '--route <network>', flags.route !== undefined, 'auto needs DHCP: tap.dhcp, or --dhcp');
  }
  if (settings.defaultRoute && !dhcp && !listens && gateways.length === 0) {
    const need = 'default needs a router: a gateway, or tap.dhcp or tap.ipv6 (--gateway, --dhcp, --ipv6)';
    throw refuse('routes', '--route <network>', flags.route !== undefined, need);
  }
  if (settings.serverDns && !dhcp && !listens) {
    const need = 'auto needs tap.dhcp or tap.ipv6 (--dhcp, --ipv6)';
    throw refuse('dns', '--dns <address>', flags.dns !== undefined, need);
  }
  for (const six of [false, true]) {
    if (gateways.filter((gateway) => gateway.includes(':') === six).length < 2) continue;
    const need = `found two of IPv${six ? 6 : 4}; allowed is one of each family`;
    throw refuse('gateway', '--gateway <address>', flags.gateway !== undefined, need);
  }
  if (settings.allowLan && !settings.killSwitch) {
    throw refuse(
      'allowLan',
      '--allow-lan',
      flags.allowLan !== undefined,
      'it belongs to the kill switch, which is off',
    );
  }
  const { routes: networks, defaultRoute, serverRoutes, killSwitch, serverDns, search } = settings;
  const any =
    dhcp || ipv6 !== undefined || networks.length > 0 || defaultRoute || serverRoutes || killSwitch || serverDns;
  return any || settings.dns.length > 0 || search.length > 0 ? settings : undefined;
}
