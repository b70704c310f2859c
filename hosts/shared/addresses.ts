import { networkInterfaces } from 'node:os';
import { plainAddress } from './address.ts';

/** How long a change of the machine's addresses may go unnoticed. There is no portable way to be told. */
const LOOK_MS = 2_000;

/** Calls `call` with all addresses of the machine whenever they have changed; returns what ends that. */
export function watchAddresses(call: (addresses: readonly string[]) => void): () => void {
  let before = current().join();
  const timer = setInterval(() => {
    const addresses = current();
    if (addresses.join() === before) return;
    before = addresses.join();
    call(addresses);
  }, LOOK_MS);
  timer.unref();
  return () => clearInterval(timer);
}

function current(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((entries) => (entries ?? []).map(({ address }) => plainAddress(address)))
    .sort();
}
