import type { Host } from '../../engine/host.ts';
import { machines } from '../linux/machine/machine.ts';
import { Poller } from '../linux/poller.ts';
import { createTaps } from '../linux/tap.ts';
import { watchAddresses } from '../shared/addresses.ts';
import { certificates } from '../shared/certificates.ts';
import { clock } from '../shared/clock.ts';
import { coreBinary, cryptoBinary } from '../shared/core-binary.ts';
import { random } from '../shared/random.ts';
import { describeRuntime } from '../shared/runtime.ts';
import { scheduler } from '../shared/scheduler.ts';
import { loadLibc } from './libc.ts';
import { network } from './network.ts';
import { plain } from './plain.ts';
import { startWaiter } from './waiter.ts';

/** What Node lends to the engine. Call it once in a process. */
export function createHost(): Host {
  return {
    network,
    plain,
    certificates,
    taps: createTaps(() => {
      const libc = loadLibc();
      return { libc, poller: new Poller(libc, startWaiter) };
    }),
    clock,
    scheduler,
    random,
    watchAddresses,
    machines,
    coreBinary,
    cryptoBinary,
    runtime: describeRuntime('node', process.versions.node),
  };
}
