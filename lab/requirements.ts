/** What the lab needs of the machine, and what to do where it is missing. */
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { insideUserNamespace, userNamespaceProblem } from './userns.ts';

/** Something the lab cannot do without (or, when `optional`, can do better with). */
export interface Missing {
  readonly what: string;
  /** What it is needed for. */
  readonly why: string;
  /** What to do about it: commands, one per line. */
  readonly fix: string;
  /** The lab works without it, with less. */
  readonly optional: boolean;
}

interface Program {
  readonly name: string;
  readonly package: string;
  readonly why: string;
  readonly optional: boolean;
}

const PROGRAMS: readonly Program[] = [
  { name: 'ip', package: 'iproute2', why: 'makes the network namespaces and the cables between them', optional: false },
  { name: 'unshare', package: 'util-linux', why: 'gives a program namespaces of its own', optional: false },
  { name: 'mount', package: 'mount', why: 'gives a program directories of its own', optional: false },
  {
    name: 'ping',
    package: 'iputils-ping',
    why: 'measures with ICMP; a UDP round trip takes its place',
    optional: true,
  },
  { name: 'ethtool', package: 'ethtool', why: 'switches offloads off where a measurement asks for it', optional: true },
];

/** Servers of addresses and names, and the packet filter, of tests of a client's settings. */
const SETTINGS_PEERS: readonly Program[] = (
  [
    ['nft', 'nftables', 'is how the kill switch works, and shows that nothing gets past it'],
    ['dnsmasq', 'dnsmasq-base', 'is a DHCP, DHCPv6 and DNS server that shares no code with ours'],
    ['udhcpd', 'udhcpd', 'is another DHCP server'],
  ] as const
).map(([name, found, why]) => ({ name, package: found, why, optional: false }));

/** The TLS of others, for lab/tls/. */
const TLS_PEERS: readonly Program[] = ['java', 'javac', 'gnutls-cli', 'gnutls-serv', 'openssl'].map((name) => ({
  name,
  package: name.startsWith('java') ? 'openjdk-17-jdk-headless' : name.startsWith('gnutls') ? 'gnutls-bin' : name,
  why: 'is a peer that shares no code with our TLS',
  optional: false,
}));

/** The path of a program as a shell would find it; sbin is searched too, which a user's PATH often lacks. */
export function findProgram(name: string): string | undefined {
  return findPrograms(name)[0];
}

/** All programs of that name, in the order in which a shell would look. */
export function findPrograms(name: string): string[] {
  const directories = (process.env.PATH ?? '').split(delimiter).concat(['/usr/sbin', '/sbin', '/usr/bin', '/bin']);
  return directories.map((directory) => join(directory, name)).filter((path) => isExecutable(path));
}

/** Puts the sbin directories on this process's PATH, where `ip` and `ethtool` live on some systems. */
export function extendPath(): void {
  const path = (process.env.PATH ?? '').split(delimiter);
  for (const directory of ['/usr/sbin', '/sbin']) if (!path.includes(directory)) path.push(directory);
  process.env.PATH = path.join(delimiter);
}

/** Everything that is missing on this machine for this user; the optional things too. */
export function missingRequirements(): Missing[] {
  if (process.platform !== 'linux') {
    const fix = 'Run it on Linux, or in a Linux virtual machine.';
    return [{ what: 'Linux', why: 'network namespaces are a feature of its kernel', fix, optional: false }];
  }
  const missing = missingPrograms(PROGRAMS);
  if (!existsSync('/proc/self/ns/net')) {
    const fix = 'Use a kernel with CONFIG_NET_NS.';
    missing.push({ what: 'network namespaces', why: 'every host of the lab is one', fix, optional: false });
  }
  const root = process.getuid?.() === 0;
  if (!root && findProgram('unshare') !== undefined) {
    const problem = userNamespaceProblem();
    if (problem !== undefined) {
      missing.push({
        what: `root, or user namespaces (${problem})`,
        why: 'making network namespaces is for root, or for the root of a user namespace',
        fix: 'Run it with sudo, or: sudo sysctl -w kernel.unprivileged_userns_clone=1 user.max_user_namespaces=10000',
        optional: false,
      });
    }
  }
  const tun = tunProblem();
  if (tun !== undefined) missing.push({ ...tun, why: 'the ends of the VPN are TAP devices', optional: false });
  return missing;
}

/** The same for the TLS peers of lab/tls/, which need nothing else. */
export function missingTlsPeers(): Missing[] {
  return missingPrograms(TLS_PEERS);
}

/** The same for tests of a client's settings. */
export function missingSettingsPeers(): Missing[] {
  return missingPrograms(SETTINGS_PEERS);
}

function missingPrograms(programs: readonly Program[]): Missing[] {
  return programs
    .filter(({ name }) => findProgram(name) === undefined)
    .map(({ name, package: from, why, optional }) => ({
      what: name,
      why,
      fix: `sudo apt-get install ${from}`,
      optional,
    }));
}

/** A text for the terminal; empty when nothing is missing. */
export function describeMissing(missing: readonly Missing[]): string {
  return missing
    .map(
      ({ what, why, fix, optional }) => `${optional ? 'optional' : 'missing '}: ${what}\n  for: ${why}\n  do:  ${fix}`,
    )
    .join('\n');
}

/** @throws Error that lists what is missing, when something indispensable is. */
export function assertRequirements(): void {
  extendPath();
  const missing = missingRequirements().filter((item) => !item.optional);
  if (missing.length > 0) throw new Error(`the lab cannot run here\n${describeMissing(missing)}`);
}

function tunProblem(): { what: string; fix: string } | undefined {
  const device = '/dev/net/tun';
  if (!existsSync(device)) {
    const fix = 'sudo modprobe tun (in a container: start it with --device /dev/net/tun --cap-add NET_ADMIN)';
    return { what: device, fix };
  }
  try {
    accessSync(device, constants.R_OK | constants.W_OK);
    return undefined;
  } catch {
    const fix = insideUserNamespace()
      ? `sudo chmod 666 ${device} (what most distributions do), or run the program with sudo`
      : `run it with sudo, or: sudo chmod 666 ${device} (what most distributions do)`;
    return { what: `permission to open ${device}`, fix };
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
