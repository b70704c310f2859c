import { HostFailure } from '../shared/error.ts';
import { errnoName } from './errno.ts';

const NEEDS_ROOT = 'this needs root or the capability CAP_NET_ADMIN; run it with sudo';

/** What to do about an error of the kernel, by its name. */
const ADVICE: Readonly<Record<string, string>> = {
  EPERM: NEEDS_ROOT,
  EACCES: NEEDS_ROOT,
  ENOENT: 'there is no /dev/net/tun; load the kernel module with "modprobe tun", or give the container the device',
  ENODEV: 'the kernel has no TUN/TAP driver; load it with "modprobe tun"',
  ENXIO: 'the kernel has no TUN/TAP driver; load it with "modprobe tun"',
  EBUSY: 'a network device of that name exists already; choose another name, or remove it with "ip link delete"',
  EADDRNOTAVAIL: 'the kernel does not take that address; is IPv6 switched off on this machine?',
  EAFNOSUPPORT: 'the kernel has no support for that kind of address',
  EOPNOTSUPP: 'the kernel does not support it; is IPv6 switched off on this machine?',
  EEXIST: 'the device has that address already',
  EMFILE: 'this process has too many files open; raise "ulimit -n"',
  ENFILE: 'the machine has too many files open',
  EBADFD: 'somebody removed the device',
};

/** `action` is a phrase such as "create it" or "set its MTU to 1400". */
export function tapFailure(name: string, action: string, errno: number): HostFailure {
  const code = errnoName(errno);
  const advice = ADVICE[code] ?? 'the kernel refused';
  return new HostFailure('tap', code, `TAP device "${name}": cannot ${action}: ${advice} (${code}).`);
}
