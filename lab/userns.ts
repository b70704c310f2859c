/**
 * The lab without root: the program starts itself again inside a user namespace in which it is root,
 * with a network and a /run of its own, where `ip netns add` works.
 */
import { spawn, spawnSync } from 'node:child_process';

/** Set in the inner program's environment; the outer one never has it. */
const MARK = 'ETHERLOOM_LAB_USER_NAMESPACE';

/** Whether this program is the inner one of {@link enterUserNamespace}. */
export function insideUserNamespace(): boolean {
  return process.env[MARK] === '1';
}

/** `undefined` when this kernel lets this user make the namespaces that are needed; otherwise what it said. */
export function userNamespaceProblem(): string | undefined {
  const probe = spawnSync('unshare', unshareArguments(['true']), { encoding: 'utf8', timeout: 10_000 });
  if (probe.error !== undefined) return `unshare: ${probe.error.message}`;
  return probe.status === 0 ? undefined : probe.stderr.trim() || `unshare ended with ${probe.status}`;
}

/**
 * Root, and the inner program, go on after this call. Any other user's program is run again inside a user
 * namespace; this outer process then only passes signals on, and ends with the inner one's exit code, so the
 * call never returns there.
 * @throws Error when the kernel does not allow it; the message says what to do.
 */
export async function enterUserNamespace(): Promise<void> {
  if (process.getuid?.() === 0) return;
  const problem = userNamespaceProblem();
  if (problem !== undefined) {
    throw new Error(
      `this needs root, or user namespaces, which this kernel refuses (${problem}).\n` +
        'Run it with sudo, or allow user namespaces:\n' +
        '  sudo sysctl -w kernel.unprivileged_userns_clone=1                  (Debian)\n' +
        '  sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0      (Ubuntu 24.04 and later)\n' +
        '  sudo sysctl -w user.max_user_namespaces=10000                      (anywhere)',
    );
  }
  const again = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const child = spawn('unshare', unshareArguments(again), { stdio: 'inherit', env: { ...process.env, [MARK]: '1' } });
  // The terminal sends Ctrl-C to both, so this process only has to survive it; the other two come to it alone.
  process.on('SIGINT', () => {});
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
  await new Promise<never>((_, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) => process.exit(code ?? 128 + (signal === 'SIGINT' ? 2 : 15)));
  });
}

function unshareArguments(command: readonly string[]): string[] {
  // /run needs a file system of our own: `ip netns add` creates /run/netns and mounts there.
  const script = 'mount -t tmpfs -o mode=755 tmpfs /run && ip link set lo up && exec "$0" "$@"';
  return ['--user', '--map-root-user', '--net', '--mount', '--', 'sh', '-c', script, ...command];
}
