import { HostFailure } from '../shared/error.ts';
import { errnoName } from './errno.ts';

const NEEDS_RIGHTS = 'this needs root or the capabilities CAP_NET_RAW and CAP_NET_ADMIN; run it with sudo';

/** What to do about an error of the kernel, by its name. */
const ADVICE: Readonly<Record<string, string>> = {
  EPERM: NEEDS_RIGHTS,
  EACCES: NEEDS_RIGHTS,
  ENODEV: 'there is no such interface; "ip link" shows those that there are',
  EAFNOSUPPORT: 'the kernel has no packet sockets (CONFIG_PACKET)',
  ENOPROTOOPT: 'its packet sockets cannot carry offloads; that takes Linux 4.20 or later',
  EMFILE: 'this process has too many files open; raise "ulimit -n"',
  ENFILE: 'the machine has too many files open',
};

/** `action` is a phrase such as "bridge it" or "bring it up". */
export function bridgeFailure(name: string, action: string, errno: number): HostFailure {
  const code = errnoName(errno);
  return bridgeRefusal(name, `cannot ${action}: ${ADVICE[code] ?? 'the kernel refused'}`, code);
}

/** `problem` says what is the matter and what to do. */
export function bridgeRefusal(name: string, problem: string, code = 'EINVAL'): HostFailure {
  return new HostFailure('tap', code, `interface "${name}": ${problem} (${code}).`);
}
