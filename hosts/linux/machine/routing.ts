/** Addresses, routes and rules, through `ip`, and how the kernel takes router advertisements. */

import { existsSync, writeFileSync } from 'node:fs';
import type { MachineChange, OwnAddress } from '../../../engine/host.ts';
import { demand, firstLine, run, settingsFailure } from './programs.ts';

type Change<K extends MachineChange['kind']> = Extract<MachineChange, { kind: K }>;

/** Marks what is ours in `ip route` and `ip rule` (rtnetlink(7), RTPROT_*; 0x45 is nobody's). */
const PROTOCOL = '69';

export function hasIpv6(): boolean {
  return existsSync('/proc/sys/net/ipv6/conf/all');
}

export function interfaceIndex(name: string): number {
  const [link] = parse<{ ifindex?: number }>(demand(`read ${name}`, 'ip', ['-j', 'link', 'show', 'dev', name]));
  if (link?.ifindex === undefined) throw settingsFailure('ENODEV', `there is no interface ${name}`);
  return link.ifindex;
}

interface FoundAddress {
  readonly family: string;
  readonly local: string;
  readonly prefixlen: number;
  readonly scope: string;
  readonly dynamic?: boolean;
  readonly tentative?: boolean;
  readonly mngtmpaddr?: boolean;
  readonly dadfailed?: boolean;
  readonly valid_life_time?: number;
  readonly preferred_life_time?: number;
}

export function ownAddresses(name: string): readonly OwnAddress[] {
  const { code, stdout } = run('ip', ['-j', '-6', 'address', 'show', 'dev', name]);
  if (code !== 0) return [];
  const [link] = parse<{ addr_info?: readonly FoundAddress[] }>(stdout);
  return (link?.addr_info ?? [])
    .filter((each) => each.dadfailed !== true && (each.scope === 'link' || each.dynamic === true))
    .filter((each) => each.scope === 'link' || each.prefixlen < 128)
    .map((each) => ({
      address: `${each.local}/${each.prefixlen}`,
      linkLocal: each.scope === 'link',
      tentative: each.tentative === true,
      ...seconds('validSeconds', each.valid_life_time),
      ...seconds('preferredSeconds', each.preferred_life_time),
    }));
}

/** Networks of all other interfaces, as far as they have any. */
export function attachedNetworks(except: string): readonly string[] {
  const found = ['-4', '-6'].flatMap((family) => {
    const { code, stdout } = run('ip', [
      '-j',
      family,
      'route',
      'show',
      'table',
      'main',
      'scope',
      family === '-4' ? 'link' : 'global',
    ]);
    return code === 0 ? parse<{ dst: string; dev?: string; gateway?: string }>(stdout) : [];
  });
  const networks = found
    .filter(
      ({ dev, dst, gateway }) =>
        dev !== undefined && dev !== except && dev !== 'lo' && gateway === undefined && dst !== 'default',
    )
    .map(({ dst }) => (dst.includes('/') ? dst : `${dst}/${dst.includes(':') ? 128 : 32}`));
  return [...new Set(networks)].sort();
}

export function applyAddress({
  tap,
  address,
  validSeconds,
  preferredSeconds,
  onLink,
  metric,
}: Change<'address'>): void {
  const six = address.includes(':');
  demand(`give ${tap} the address ${address}`, 'ip', [
    ...[six ? '-6' : '-4', 'address', 'replace', address, 'dev', tap],
    ...(six ? [] : ['broadcast', '+']),
    ...(validSeconds === undefined ? [] : ['valid_lft', String(Math.max(1, Math.ceil(validSeconds)))]),
    ...(preferredSeconds === undefined ? [] : ['preferred_lft', String(Math.max(0, Math.ceil(preferredSeconds)))]),
    ...(metric === undefined ? [] : ['metric', String(metric)]),
    ...(onLink ? [] : ['noprefixroute']),
  ]);
}

export function undoAddress({ tap, address }: Change<'address'>): void {
  undo('take the address back', ['address', 'del', address, 'dev', tap]);
}

export function applyMtu({ tap, mtu }: Change<'mtu'>): void {
  demand(`set the MTU of ${tap} to ${mtu}`, 'ip', ['link', 'set', 'dev', tap, 'mtu', String(mtu)]);
}

export function applyRoute(change: Change<'route'>): void {
  const { to, via, tap } = change;
  demand(`add the route to ${to}${via === undefined ? '' : ` by ${via}`} through ${tap}`, 'ip', [
    ...[family(to), 'route', 'replace', ...routeWords(change)],
    // The gateway need not be in a network of ours: some servers give addresses that stand alone.
    ...(via === undefined ? [] : ['onlink']),
  ]);
}

export function undoRoute(change: Change<'route'>): void {
  undo('remove the route', [family(change.to), 'route', 'del', ...routeWords(change)]);
}

function routeWords({ tap, to, via, metric, table }: Change<'route'>): string[] {
  return [
    ...[to, ...(via === undefined ? [] : ['via', via]), 'dev', tap, 'proto', PROTOCOL],
    ...(metric === undefined ? [] : ['metric', String(metric)]),
    ...(table === undefined ? [] : ['table', String(table)]),
  ];
}

export function applyRule(change: Change<'rule'>): void {
  const args = [`-${change.family}`, 'rule', 'add', ...ruleWords(change)];
  const { code, stderr } = run('ip', args);
  // Nobody else uses the numbers: it is what a crash left.
  if (code === 0 || /File exists/.test(stderr)) return;
  throw settingsFailure('EIO', `cannot add the rule \`ip ${args.join(' ')}\`: ${firstLine(stderr)}`);
}

export function undoRule(change: Change<'rule'>): void {
  undo('remove the rule', [`-${change.family}`, 'rule', 'del', ...ruleWords(change)]);
}

function ruleWords({ priority, to, table }: Change<'rule'>): string[] {
  const lookUp = {
    main: ['lookup', 'main'],
    'main-without-default': ['lookup', 'main', 'suppress_prefixlength', '0'],
    unreachable: ['unreachable'],
  };
  return [
    ...['priority', String(priority)],
    ...(to === undefined ? [] : ['to', to.address, 'ipproto', 'tcp', 'dport', String(to.port)]),
    ...(typeof table === 'number' ? ['lookup', String(table)] : lookUp[table]),
    ...['protocol', PROTOCOL],
  ];
}

/** The kernel makes the addresses. Routes are the profile's to ask for. */
const SYSCTLS = {
  auto: {
    disable_ipv6: 0,
    accept_ra: 2,
    autoconf: 1,
    accept_ra_pinfo: 1,
    accept_ra_defrtr: 0,
    accept_ra_rt_info_max_plen: 0,
  },
  off: { accept_ra: 0, autoconf: 0 },
} as const;

export function applyIpv6({ tap, mode }: Change<'ipv6'>): void {
  for (const [name, value] of Object.entries(SYSCTLS[mode])) {
    const path = `/proc/sys/net/ipv6/conf/${tap}/${name}`;
    if (!existsSync(path)) continue;
    try {
      writeFileSync(path, String(value));
    } catch (error) {
      throw settingsFailure('EACCES', `cannot write ${value} to ${path}: ${(error as Error).message}`);
    }
  }
}

/** What is not there any more needs no undoing. */
function undo(doing: string, args: readonly string[]): void {
  const { code, stderr } = run('ip', args);
  if (code === 0 || /No such (process|file or directory|device)|Cannot (find|assign)|does not exist/i.test(stderr))
    return;
  throw settingsFailure('EIO', `cannot ${doing} \`ip ${args.join(' ')}\`: ${firstLine(stderr)}`);
}

function family(cidr: string): string {
  return cidr.includes(':') ? '-6' : '-4';
}

function seconds<K extends string>(key: K, found: number | undefined): Partial<Record<K, number>> {
  // The kernel's word for ever.
  return found === undefined || found >= 0xffff_ffff ? {} : ({ [key]: found } as Record<K, number>);
}

function parse<T>(text: string): readonly T[] {
  return text.trim() === ''
    ? []
    : (JSON.parse(text) as readonly T[]).filter((each) => Object.keys(each as object).length > 0);
}
