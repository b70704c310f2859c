import { readFileSync } from 'node:fs';
import { networkInterfaces, release } from 'node:os';
import type { BridgedInterface, BridgeOptions, Bridges, TapHandler } from '../../engine/host.ts';
import { HostFailure } from '../shared/error.ts';
import { bridgeFailure, bridgeRefusal } from './bridge-errors.ts';
import { ENODEV } from './errno.ts';
import { IFNAMSIZ, Interface, IoctlFailure } from './interface.ts';
import type { Libc } from './libc.ts';
import { ARPHRD_ETHER, ARPHRD_LOOPBACK, IFF_SLAVE, IFF_UP, type Link, readLink } from './netlink.ts';
import { PacketPort } from './packet-port.ts';
import { openPacketSocket } from './packet-socket.ts';
import type { Kernel } from './tap.ts';

/** Interfaces of Linux as ports of a hub. @param load Loads the C library; called with the first one. */
export function createBridges(load: () => Kernel): Bridges {
  /** Those that are open, by number. */
  const open = new Map<number, PacketPort>();
  // Whatever ends the process, a second signal or a mistake of ours: the interfaces are given back as they were.
  const atExit = (): void => {
    for (const port of open.values()) port.close();
  };
  const closed = (index: number): void => {
    open.delete(index);
    if (open.size === 0) process.removeListener('exit', atExit);
  };
  return {
    open(options: BridgeOptions, handler: TapHandler): BridgedInterface {
      const name = options.interface;
      if (process.platform !== 'linux') {
        const message = `interface "${name}": cannot bridge it: that needs Linux, and this is ${process.platform}.`;
        throw new HostFailure('tap', 'ENOSYS', message);
      }
      const kernel = load();
      try {
        const link = find(kernel.libc, name);
        check(kernel.libc, link);
        if (open.has(link.index)) throw bridgeRefusal(name, 'it is bridged already; an interface is a port of one hub');
        const port = start(kernel, link, handler, () => closed(link.index));
        if (open.size === 0) process.on('exit', atExit);
        open.set(link.index, port);
        return port;
      } catch (error) {
        throw error instanceof IoctlFailure ? bridgeFailure(name, error.action, error.errno) : error;
      }
    },
  };
}

function find(libc: Libc, name: string): Link {
  const link = new TextEncoder().encode(name).length < IFNAMSIZ ? readLink(libc, name) : undefined;
  if (link === undefined) throw new IoctlFailure('bridge it', ENODEV);
  return link;
}

/** Throws a `HostError` that says what to do instead. */
function check(libc: Libc, { name, type, flags, master, masterKind }: Link): void {
  if (type === ARPHRD_LOOPBACK) {
    throw bridgeRefusal(name, 'it is the loopback, behind which there is nobody but this machine');
  }
  if (type !== ARPHRD_ETHER) {
    throw bridgeRefusal(name, 'it does not carry Ethernet, so that a hub has nothing to say on it');
  }
  if (master === undefined && (flags & IFF_SLAVE) === 0) return;
  const whole = master === undefined ? undefined : readLink(libc, master);
  const owner = `${masterKind ?? 'interface'} "${whole?.name ?? master}"`;
  throw bridgeRefusal(
    name,
    masterKind === 'bridge'
      ? `it is a port of the ${owner}, which takes its frames; add a TAP of the hub to that bridge instead: ` +
          `a TAP without an address under \`taps\`, and "ip link set TAP master ${whole?.name ?? 'BRIDGE'}"`
      : `it is a part of the ${owner}; bridge that one instead`,
    'EBUSY',
  );
}

function start({ libc, poller }: Kernel, link: Link, handler: TapHandler, closed: () => void): PacketPort {
  const broughtUp = (link.flags & IFF_UP) === 0;
  const device = new Interface(libc, link.name);
  let fd = -1;
  try {
    if (broughtUp) device.up();
    fd = openPacketSocket(libc, link.index);
    const addresses = addressesOf(link.name);
    const opening = {
      link,
      broughtUp,
      addresses,
      hasDefaultRoute: hasDefaultRoute(link.name),
      udp: knowsUdp(),
      closed,
    };
    return new PacketPort(libc, poller, fd, opening, handler);
  } catch (error) {
    if (fd >= 0) libc.close(fd);
    if (broughtUp) device.down();
    throw error;
  } finally {
    device.close();
  }
}

/** Without link-local ones, which every interface has. */
function addressesOf(name: string): string[] {
  const all = networkInterfaces()[name] ?? [];
  return all.map(({ address }) => address).filter((address) => !/^fe[89ab]/i.test(address));
}

function hasDefaultRoute(name: string): boolean {
  const rows = (file: string): string[][] => {
    try {
      return readFileSync(`/proc/thread-self/net/${file}`, 'utf8')
        .split('\n')
        .map((line) => line.trim().split(/\s+/));
    } catch {
      return [];
    }
  };
  // Interface, destination, …, mask; and destination, prefix, …, interface.
  const ipv4 = rows('route').some((row) => row[0] === name && row[1] === '00000000' && row[7] === '00000000');
  return ipv4 || rows('ipv6_route').some((row) => row[9] === name && /^0+$/.test(row[0]!) && row[1] === '00');
}

/** Super-frames of UDP came with Linux 6.2. */
function knowsUdp(): boolean {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  return major > 6 || (major === 6 && minor >= 2);
}
