import type { Host } from '../../engine/host.ts';
import { createBridges } from '../linux/bridges.ts';
import { machines } from '../linux/machine/machine.ts';
import { Poller } from '../linux/poller.ts';
import { createTaps, type Kernel } from '../linux/tap.ts';
import { watchAddresses } from '../shared/addresses.ts';
import { certificates } from '../shared/certificates.ts';
import { clock } from '../shared/clock.ts';
import { coreBinary, cryptoBinary } from '../shared/core-binary.ts';
import { random } from '../shared/random.ts';
import { describeRuntime } from '../shared/runtime.ts';
import { scheduler } from '../shared/scheduler.ts';
import { loadLibc } from './libc.ts';
import { network } from './network.ts';
import { tcp } from './tcp.ts';
import { createStartWaiter } from './waiter.ts';

/** What Bun lends to the engine. Call it once in a process. */
export function createHost(): Host {
  let loaded: Kernel | undefined;
  const load = (): Kernel => {
    if (loaded === undefined) {
      const { libc, library } = loadLibc();
      loaded = { libc, poller: new Poller(libc, createStartWaiter(library)) };
    }
    return loaded;
  };
  return {
    network,
    tcp,
    certificates,
    taps: createTaps(load),
    bridges: createBridges(load),
    clock,
    scheduler,
    random,
    watchAddresses,
    machines,
    coreBinary,
    cryptoBinary,
    runtime: describeRuntime('bun', Bun.version),
  };
}
