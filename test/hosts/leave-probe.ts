/**
 * One end of a connection that leaves TLS, run by leave-tls.test.ts in the other runtime. Arguments: the runtime, which
 * end, how many bare bytes go each way, and for the client the port. Prints what it finds.
 */
import type { Channel, ChannelHandler, Host } from '../../engine/host.ts';
import { byteAt } from './transfer.ts';

const [, , runtime, role, totalText, port] = process.argv;
const total = Number(totalText);
const REQUEST = Buffer.from('the last request inside TLS');
const ANSWER = Buffer.from('the last answer');

async function load(): Promise<Host> {
  const { createHost } =
    runtime === 'bun' ? await import('../../hosts/bun/main.ts') : await import('../../hosts/node/main.ts');
  return createHost();
}

/** Leaves TLS after the first bytes it gets, then sends and checks `total` bytes. */
class End implements ChannelHandler {
  channel!: Channel;
  #left = false;
  #sent = 0;
  #received = 0;
  #wrong = false;
  readonly #memory = new Uint8Array(100_000);

  opened(): void {
    if (role === 'client') this.channel.write(REQUEST);
  }

  data(bytes: Uint8Array): void {
    if (this.#left) return this.#check(bytes);
    this.#left = true;
    if (role === 'server') {
      this.channel.pause();
      this.channel.write(ANSWER);
    }
    this.channel.leaveTls();
    if (role === 'server') this.channel.resume();
  }

  writable(): void {
    while (this.#left && this.#sent < total) {
      const size = Math.min(total - this.#sent, this.#memory.length);
      for (let index = 0; index < size; index++) this.#memory[index] = byteAt(this.#sent + index);
      const taken = this.channel.write(this.#memory.subarray(0, size));
      this.#memory.fill(0);
      this.#sent += taken;
      if (taken < size) return;
    }
  }

  closed(): void {
    process.exit();
  }

  #check(bytes: Uint8Array): void {
    for (const byte of bytes) this.#wrong ||= byte !== byteAt(this.#received++);
    if (this.#received >= total) console.log(`received ${this.#received} ${this.#wrong ? 'wrong' : 'right'}`);
  }
}

const { network } = await load();
if (role === 'server') {
  const { CERTIFICATE = '', KEY = '' } = process.env;
  const options = { host: '127.0.0.1', port: 0, certificate: CERTIFICATE, key: KEY };
  const listener = await network.listen(options, (channel) => Object.assign(new End(), { channel }));
  console.log(`port ${listener.local.port}`);
} else {
  const end = new End();
  end.channel = network.connect({ host: '127.0.0.1', port: Number(port), timeoutMs: 5_000, bare: true }, end);
}
