import { closeSync, openSync } from 'node:fs';
import { isBun } from './runtime.ts';

const CLONE_NEWNET = 0x4000_0000;

interface Calls {
  unshare(flags: number): number;
  setns(fd: number, type: number): number;
}

async function loadCalls(): Promise<Calls> {
  if (isBun) {
    const { dlopen } = await import('bun:ffi');
    return dlopen('libc.so.6', {
      unshare: { args: ['i32'], returns: 'i32' },
      setns: { args: ['i32', 'i32'], returns: 'i32' },
    }).symbols;
  }
  const { default: koffi } = await import('koffi');
  const libc = koffi.load(null);
  return {
    unshare: libc.func('int unshare(int)'),
    setns: libc.func('int setns(int, int)'),
  };
}

/**
 * Moves this thread, and the processes that it starts from now on, into a network namespace of its own: no device
 * that a test makes can be seen outside. Needs root. Returns what moves it back; the namespace ends with its devices.
 */
export async function enterNamespace(): Promise<() => void> {
  const calls = await loadCalls();
  const home = openSync('/proc/thread-self/ns/net', 'r');
  if (calls.unshare(CLONE_NEWNET) !== 0) throw new Error('unshare(CLONE_NEWNET) failed; it needs root');
  return () => {
    if (calls.setns(home, CLONE_NEWNET) !== 0) throw new Error('setns failed');
    closeSync(home);
  };
}
