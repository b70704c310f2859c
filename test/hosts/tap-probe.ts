/**
 * A process with a TAP, run by tap.test.ts in a namespace of its own. Arguments: the runtime, and how it ends:
 * `close` closes the TAP and has nothing left to do, `exit` calls process.exit while the TAP is armed and waits,
 * `reopen` closes and opens many times, `denied` only tries to open, `latency` prints how long a wake-up takes.
 */
import type { Host } from '../../engine/host.ts';

const [, , runtime, mode] = process.argv;

async function load(): Promise<Host> {
  const { createHost } =
    runtime === 'bun' ? await import('../../hosts/bun/main.ts') : await import('../../hosts/node/main.ts');
  return createHost();
}

const host = await load();
const handler = { readable() {}, failed() {} };
const open = () => host.taps.open({ name: 'probe0', addresses: [] }, handler);

switch (mode) {
  case 'close': {
    const tap = open();
    tap.arm();
    setTimeout(() => {
      tap.close();
      console.log('closed');
    }, 100);
    break;
  }
  case 'exit': {
    open().arm();
    setTimeout(() => {
      console.log('exiting');
      process.exit(7);
    }, 100);
    break;
  }
  case 'reopen': {
    for (let index = 0; index < 20; index++) {
      const tap = open();
      tap.arm();
      if (index % 2 === 0) await new Promise((resolve) => setTimeout(resolve, index));
      tap.close();
    }
    console.log('closed');
    break;
  }
  default: {
    try {
      open();
    } catch (error) {
      console.log((error as Error).message);
    }
  }
}
