/** The kill switch: one nftables table of our own. Other tables stay as they are, and may forbid more. */

import type { MachineChange } from '../../../engine/host.ts';
import { demand, firstLine, run, settingsFailure } from './programs.ts';

type Firewall = Extract<MachineChange, { kind: 'firewall' }>;

/** Where nothing else is on the link: link-local unicast, groups, and the broadcast. */
const LINK_4 = ['169.254.0.0/16', '224.0.0.0/4', '255.255.255.255'];
const LINK_6 = ['fe80::/10', 'ff00::/8'];

export function applyFirewall(table: string, change: Firewall): void {
  // In one transaction: at no time is there no table.
  const text = `table inet ${table}\ndelete table inet ${table}\n${ruleset(table, change)}`;
  demand('set the kill switch', 'nft', ['-f', '-'], text);
}

export function undoFirewall(table: string): void {
  const { code, stderr } = run('nft', ['delete', 'table', 'inet', table]);
  if (code === 0 || /No such file or directory/.test(stderr)) return;
  throw settingsFailure('EIO', `cannot remove the kill switch, table inet ${table}: ${firstLine(stderr)}`);
}

function ruleset(table: string, { tap, servers, port, lan }: Firewall): string {
  const allowed = lan.length === 0 ? [] : [...lan, ...LINK_4, ...LINK_6];
  const lanRules = [
    ...destinations(
      'ip',
      allowed.filter((each) => !each.includes(':')),
      'accept',
    ),
    ...destinations(
      'ip6',
      allowed.filter((each) => each.includes(':')),
      'accept',
    ),
  ];
  const out = [
    `oifname { "lo", "${tap}" } accept`,
    ...destinations(
      'ip',
      servers.filter((each) => !each.includes(':')),
      `tcp dport ${port} accept`,
    ),
    ...destinations(
      'ip6',
      servers.filter((each) => each.includes(':')),
      `tcp dport ${port} accept`,
    ),
    // What a link needs to come up and to stay: DHCP (RFC 2131, RFC 8415), neighbours and routers (RFC 4861), groups.
    'ip daddr 255.255.255.255 udp sport 68 udp dport 67 accept',
    'udp sport 68 udp dport 67 accept',
    'ip6 daddr { fe80::/10, ff02::1:2 } udp sport 546 udp dport 547 accept',
    'icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert, mld-listener-report, mld2-listener-report } accept',
    ...lanRules,
  ];
  const forwarded = [`oifname "${tap}" accept`, `iifname "${tap}" accept`, ...lanRules];
  return [`table inet ${table} {`, ...chain('output', out), ...chain('forward', forwarded), '}', ''].join('\n');
}

function chain(hook: string, rules: readonly string[]): string[] {
  return [
    `  chain ${hook} {`,
    `    type filter hook ${hook} priority filter; policy drop;`,
    ...rules.map((rule) => `    ${rule}`),
    '  }',
  ];
}

function destinations(family: 'ip' | 'ip6', addresses: readonly string[], verdict: string): string[] {
  // One rule each: networks in each other are no set.
  return addresses.map((address) => `${family} daddr ${address} ${verdict}`);
}
