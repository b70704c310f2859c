import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type FrameBatch, type HostError, type Tap, type TapHandler, VNET_HEADER_BYTES } from '../../engine/host.ts';
import { enterNamespace } from '../support/namespace.ts';
import { isBun, loadHost } from '../support/runtime.ts';
import { sleep, until } from './peers.ts';

const { taps } = await loadHost();
const canMakeDevices = process.getuid?.() === 0 && existsSync('/dev/net/tun');
const root = join(import.meta.dirname, '../..');

/** An EtherType for local experiments (IEEE 802), so that what the kernel sends by itself can be told apart. */
const ETHER_TYPE = 0x88b5;
const SLOT_BYTES = 2048;
const SLOTS = 256;
/** More bytes than a batch has. */
const EVERYTHING = Number.POSITIVE_INFINITY;

/** Memory as the core has it, with the two arrays of a batch in it. */
function makeBatch(): FrameBatch & { slot(index: number): Uint8Array } {
  const buffer = new WebAssembly.Memory({ initial: 16, maximum: 16 }).buffer;
  const memory = new Uint8Array(buffer);
  const offsets = new Uint32Array(buffer, 0, SLOTS);
  const lengths = new Uint32Array(buffer, SLOTS * 4, SLOTS);
  for (let index = 0; index < SLOTS; index++) offsets[index] = 4096 + index * SLOT_BYTES;
  lengths.fill(SLOT_BYTES);
  return {
    memory,
    offsets,
    lengths,
    slot: (index) => memory.subarray(offsets[index]!, offsets[index]! + lengths[index]!),
  };
}

/** A broadcast frame with a number in it, behind an empty virtio header. Returns its length with that header. */
function putFrame(place: Uint8Array, number: number, length = 64): number {
  place.fill(0, 0, VNET_HEADER_BYTES);
  const frame = new DataView(place.buffer, place.byteOffset + VNET_HEADER_BYTES, length);
  for (let index = 0; index < 6; index++) frame.setUint8(index, 255);
  for (let index = 6; index < 12; index++) frame.setUint8(index, 2);
  frame.setUint16(12, ETHER_TYPE);
  frame.setUint32(14, number);
  return length + VNET_HEADER_BYTES;
}

/** The number in a frame of ours; undefined for anything else. */
function frameNumber(place: Uint8Array): number | undefined {
  const frame = new DataView(place.buffer, place.byteOffset + VNET_HEADER_BYTES);
  return frame.getUint16(12) === ETHER_TYPE ? frame.getUint32(14) : undefined;
}

function ip(...words: string[]): string {
  return execFileSync('ip', words, { encoding: 'utf8' });
}

class Owner implements TapHandler {
  wakeUps = 0;
  error: HostError | undefined;
  onReadable: () => void = () => undefined;
  readable(): void {
    this.wakeUps++;
    this.onReadable();
  }
  failed(error: HostError): void {
    this.error = error;
  }
}

describe.skipIf(!canMakeDevices)('a TAP', () => {
  let leave: (() => void) | undefined;
  const opened: Tap[] = [];

  function openTap(name: string, options: Partial<Parameters<typeof taps.open>[0]> = {}, owner = new Owner()) {
    const tap = taps.open({ name, addresses: [], ...options }, owner);
    opened.push(tap);
    return { tap, owner };
  }

  /** Two TAPs with a bridge between them: what is written to the one can be read from the other. */
  function openPair() {
    const pair = [openTap('left0'), openTap('right0')] as const;
    ip('link', 'add', 'bridge0', 'type', 'bridge', 'mcast_snooping', '0');
    for (const name of ['left0', 'right0']) ip('link', 'set', name, 'master', 'bridge0');
    ip('link', 'set', 'bridge0', 'up');
    return pair;
  }

  beforeAll(async () => {
    leave = await enterNamespace();
  });
  afterAll(() => leave?.());
  afterEach(() => {
    for (const tap of opened.splice(0)) tap.close();
    if (ip('link').includes('bridge0')) ip('link', 'delete', 'bridge0');
  });

  test('has the name, the addresses, the MTU and the MAC address it was given, and is up', () => {
    const mac = Uint8Array.of(2, 0x5e, 1, 2, 3, 4);
    const { tap } = openTap('tap0', {
      addresses: ['10.77.0.1/24', 'fd77::1/64', '10.78.0.1/30', 'fd78::5:6/128'],
      mtu: 1400,
      mac,
    });
    expect(tap.name).toBe('tap0');
    expect(tap.mac).toEqual(mac);
    const shown = ip('address', 'show', 'tap0');
    expect(shown).toContain('mtu 1400');
    expect(shown).toMatch(/<[^>]*\bUP\b/);
    expect(shown).toContain('link/ether 02:5e:01:02:03:04');
    expect(shown).toContain('inet 10.77.0.1/24 ');
    expect(shown).toContain('inet 10.78.0.1/30 ');
    expect(shown).toContain('inet6 fd77::1/64 ');
    expect(shown).toContain('inet6 fd78::5:6/128 ');
    expect(ip('route')).toContain('10.77.0.0/24 dev tap0');
  });

  test('has a MAC address of the kernel and an MTU of 1500 unless told otherwise', () => {
    const { tap } = openTap('tap0');
    expect(tap.mac.length).toBe(6);
    const hex = [...tap.mac].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
    const shown = ip('link', 'show', 'tap0');
    expect(shown).toContain(`link/ether ${hex}`);
    expect(shown).toContain('mtu 1500');
  });

  test.each([576, 9000, 65_521])('takes an MTU of %i', (mtu) => {
    openTap('tap0', { mtu });
    expect(ip('link', 'show', 'tap0')).toContain(`mtu ${mtu} `);
  });

  test('is gone when it is closed', () => {
    const { tap } = openTap('tap0');
    tap.close();
    tap.close();
    expect(ip('link')).not.toContain('tap0');
    tap.arm();
    const batch = makeBatch();
    expect(tap.read(batch, 4, EVERYTHING)).toBe(0);
    expect(tap.write(batch, 4)).toBe(0);
  });

  test('refuses a name in use, its own and that of another kind of device', () => {
    openTap('tap0');
    ip('link', 'add', 'dummy7', 'type', 'bridge');
    for (const name of ['tap0', 'dummy7', 'lo']) {
      expect(() => openTap(name)).toThrow(
        `TAP device "${name}": cannot create it: a network device of that name exists already; choose another name, or remove it with "ip link delete" (EBUSY).`,
      );
    }
    ip('link', 'delete', 'dummy7');
  });

  test('leaves nothing behind when a later step fails', () => {
    // The kernel refuses a broadcast address of the zero network as an address of an interface.
    expect(() => openTap('tap0', { addresses: ['10.77.0.1/24', 'ff02::1/64'] })).toThrow(
      /^TAP device "tap0": cannot give it the address ff02::1\/64: .* \(E[A-Z]+\)\.$/,
    );
    expect(ip('link')).not.toContain('tap0');
  });

  test('reads what the kernel sends and writes what the kernel answers', async () => {
    const { tap, owner } = openTap('tap0', { addresses: ['10.77.0.1/24'] });
    const batch = makeBatch();
    // Who has 10.77.0.1? Asked by 10.77.0.2, from the other end of the wire.
    const place = batch.slot(0);
    place.fill(0);
    const request = 'ffffffffffff 020000000002 0806 0001 0800 06 04 0001 020000000002 0a4d0002 000000000000 0a4d0001';
    const frame = Buffer.from(request.replaceAll(' ', ''), 'hex');
    place.set(frame, VNET_HEADER_BYTES);
    batch.lengths[0] = frame.length + VNET_HEADER_BYTES;
    let reply: string | undefined;
    owner.onReadable = () => {
      batch.lengths.fill(SLOT_BYTES);
      const count = tap.read(batch, SLOTS, EVERYTHING);
      for (let index = 0; index < count; index++) {
        const hex = Buffer.from(batch.slot(index))
          .toString('hex')
          .slice(2 * VNET_HEADER_BYTES);
        if (hex.slice(24, 28) === '0806') reply = hex;
      }
      tap.arm();
    };
    tap.arm();
    expect(tap.write(batch, 1)).toBe(1);
    await until('the kernel answers', () => reply !== undefined);
    const mac = Buffer.from(tap.mac).toString('hex');
    expect(reply).toBe(`020000000002${mac}08060001080006040002${mac}0a4d00010200000000020a4d0002`);
  });

  test('wakes up once for each arm, also when the frame was there before', async () => {
    const [{ tap: left }, { tap: right, owner }] = openPair();
    const batch = makeBatch();
    const drain = (): void => {
      let count: number;
      do {
        batch.lengths.fill(SLOT_BYTES);
        count = right.read(batch, SLOTS, EVERYTHING);
      } while (count > 0);
    };
    const sendOne = (): void => {
      batch.lengths[0] = putFrame(batch.slot(0), 1);
      left.write(batch, 1);
    };
    await sleep(50);
    drain();
    sendOne();
    await sleep(50);
    expect(owner.wakeUps).toBe(0);
    right.arm();
    await until('it woke up', () => owner.wakeUps === 1);
    sendOne();
    await sleep(50);
    expect(owner.wakeUps).toBe(1);
    right.close();
    right.arm();
    await sleep(20);
    expect(owner.wakeUps).toBe(1);
  });

  test('carries 100,000 frames and loses none', async () => {
    const total = 100_000;
    // Fewer than the kernel's queue holds, so that it has no reason to drop any.
    const window = 400;
    const [{ tap: left }, { tap: right, owner }] = openPair();
    const out = makeBatch();
    const into = makeBatch();
    let sent = 0;
    let expected = 0;
    let wrong = 0;
    const pump = (): void => {
      while (sent < total && sent - expected < window) {
        const count = Math.min(SLOTS, window - (sent - expected), total - sent);
        for (let index = 0; index < count; index++) {
          const length = 60 + ((sent + index) % 1455);
          out.lengths[index] = SLOT_BYTES;
          out.lengths[index] = putFrame(out.slot(index), sent + index, length);
        }
        sent += left.write(out, count);
      }
    };
    owner.onReadable = () => {
      for (;;) {
        into.lengths.fill(SLOT_BYTES);
        const count = right.read(into, SLOTS, EVERYTHING);
        for (let index = 0; index < count; index++) {
          const number = frameNumber(into.slot(index));
          if (number === undefined) continue;
          const length = 60 + (number % 1455);
          if (number !== expected || into.lengths[index] !== length + VNET_HEADER_BYTES) wrong++;
          expected = number + 1;
        }
        if (count < SLOTS) break;
      }
      // Right after an empty read: what comes in between must not be missed.
      right.arm();
      pump();
    };
    right.arm();
    pump();
    await until('all have arrived', () => expected === total, 15_000);
    expect(wrong).toBe(0);
    expect(owner.wakeUps).toBeGreaterThan(total / window / 2);
  });

  test('skips a frame that the kernel refuses and one that it cannot hand over', async () => {
    const [{ tap: left }, { tap: right, owner }] = openPair();
    const batch = makeBatch();
    const numbers: (number | undefined)[] = [];
    owner.onReadable = () => {
      batch.lengths.fill(SLOT_BYTES);
      // Not even room for the header.
      batch.lengths[0] = 4;
      const count = right.read(batch, SLOTS, EVERYTHING);
      for (let index = 0; index < count; index++) numbers.push(frameNumber(batch.slot(index)));
      right.arm();
    };
    right.arm();
    for (let index = 0; index < 4; index++) batch.lengths[index] = putFrame(batch.slot(index), index);
    // Shorter than an Ethernet header.
    batch.lengths[1] = VNET_HEADER_BYTES + 3;
    expect(left.write(batch, 4)).toBe(4);
    expect((left as Tap & { refused: number }).refused).toBe(1);
    await sleep(100);
    expect(owner.error).toBeUndefined();
  });

  test('that is down neither spins nor fails, and works again when it is up', async () => {
    const [{ tap: left, owner: leftOwner }, { tap: right, owner }] = openPair();
    const batch = makeBatch();
    let arrived = 0;
    owner.onReadable = () => {
      batch.lengths.fill(SLOT_BYTES);
      const count = right.read(batch, SLOTS, EVERYTHING);
      for (let index = 0; index < count; index++) if (frameNumber(batch.slot(index)) === 9) arrived++;
      right.arm();
    };
    right.arm();
    left.arm();
    const sendNine = (): number => {
      const one = makeBatch();
      for (let index = 0; index < 8; index++) one.lengths[index] = putFrame(one.slot(index), 9);
      return left.write(one, 8);
    };
    ip('link', 'set', 'left0', 'down');
    ip('link', 'set', 'right0', 'down');
    await sleep(20);
    // What the kernel had sent before it went down.
    while (left.read(makeBatch(), 8, EVERYTHING) > 0);
    const before = [owner.wakeUps, leftOwner.wakeUps];
    const cpu = process.cpuUsage();
    expect(sendNine()).toBe(8);
    expect(left.read(makeBatch(), 8, EVERYTHING)).toBe(0);
    await sleep(300);
    expect(owner.wakeUps - before[0]!).toBeLessThan(3);
    expect(leftOwner.wakeUps - before[1]!).toBeLessThan(3);
    expect(process.cpuUsage(cpu).user).toBeLessThan(250_000);
    expect(arrived).toBe(0);
    ip('link', 'set', 'left0', 'up');
    ip('link', 'set', 'right0', 'up');
    await until('it works again', () => {
      sendNine();
      return arrived > 0;
    });
    expect([owner.error, leftOwner.error]).toEqual([undefined, undefined]);
  });

  test('that somebody removed says so once, armed or not', async () => {
    const armed = openTap('tap0');
    const idle = openTap('tap1');
    armed.tap.arm();
    ip('link', 'delete', 'tap0');
    ip('link', 'delete', 'tap1');
    await until('it failed', () => armed.owner.error !== undefined);
    expect(armed.owner.error).toMatchObject({
      code: 'EBADFD',
      message: 'TAP device "tap0": cannot go on: somebody removed the device (EBADFD).',
    });
    idle.tap.read(makeBatch(), 1, EVERYTHING);
    await until('it failed', () => idle.owner.error !== undefined);
    expect(armed.tap.write(makeBatch(), 3)).toBe(0);
  });

  test('does not read or write outside of the memory it was given', () => {
    const { tap } = openTap('tap0');
    const batch = makeBatch();
    batch.offsets[2] = batch.memory.length - 10;
    expect(() => tap.read(batch, 3, EVERYTHING)).toThrow(RangeError);
    expect(() => tap.write(batch, 3)).toThrow(RangeError);
    expect(() => tap.read(batch, SLOTS + 1, EVERYTHING)).toThrow(RangeError);
  });
});

describe('TAP options', () => {
  test.each([
    [{ name: '' }, /a name has 1 to 15 ASCII characters/],
    [{ name: 'a-name-of-16-char' }, /a name has 1 to 15/],
    [{ name: 'a b' }, /without spaces/],
    [{ name: 'tap%d' }, /without \/ : %/],
    [{ mtu: 575 }, /the MTU must be a whole number from 576 to 65521, and it is 575/],
    [{ mtu: 65_522 }, /and it is 65522/],
    [{ mtu: 1400.5 }, /whole number/],
    [{ mac: new Uint8Array(5) }, /has 6 bytes, and this one has 5/],
    [{ mac: Uint8Array.of(3, 0, 0, 0, 0, 1) }, /locally administered/],
    [{ addresses: ['10.0.0.1'] }, /"10\.0\.0\.1" is not an address with a prefix/],
    [{ addresses: ['10.0.0.1/33'] }, /is not an address/],
    [{ addresses: ['10.0.0.256/8'] }, /is not an address/],
    [{ addresses: ['fe80::1%eth0/64'] }, /is not an address/],
    [{ addresses: ['fd00::1/64'], mtu: 1000 }, /IPv6 needs an MTU of at least 1280/],
    [{ name: 'fourteen-chars', addresses: ['10.0.0.1/8', '11.0.0.1/8'] }, /13 characters at most/],
  ])('%o is refused', (options, message) => {
    const open = () => taps.open({ name: 'tap0', addresses: [], ...options }, new Owner());
    expect(open).toThrow(message);
    expect(open).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  });
});

describe.skipIf(!canMakeDevices)('a process with a TAP', () => {
  let out: string | undefined;
  let script = join(import.meta.dirname, 'tap-probe.ts');

  // Node 20 runs no TypeScript. What tsc makes is also what is shipped.
  beforeAll(() => {
    if (isBun) return;
    // Within the package, so that what is compiled finds its modules.
    mkdirSync(join(root, 'dist'), { recursive: true });
    out = mkdtempSync(join(root, 'dist/test-hosts-'));
    // One test runs it as another user.
    chmodSync(out, 0o755);
    const options = ['--module', 'nodenext', '--target', 'es2023', '--rewriteRelativeImportExtensions', '--noCheck'];
    execFileSync(process.execPath, [
      join(root, 'node_modules/typescript/bin/tsc'),
      ...['--ignoreConfig', '--rootDir', root, '--outDir', out, ...options, '--types', 'node,bun-types', script],
    ]);
    script = join(out, 'test/hosts/tap-probe.js');
  });
  afterAll(() => {
    if (out !== undefined) rmSync(out, { recursive: true, force: true });
  });

  function run(
    mode: string,
    options: { uid?: number } = {},
  ): Promise<{ code: number | null; signal: string | null; text: string; ms: number }> {
    const begin = performance.now();
    const words = ['--net', process.execPath, script, isBun ? 'bun' : 'node', mode];
    const child = options.uid === undefined ? spawn('unshare', words) : spawn(words[1]!, words.slice(2), options);
    const limit = setTimeout(() => child.kill('SIGKILL'), 8_000);
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += chunk));
    return new Promise((resolve) => {
      child.on('close', (code, signal) => {
        clearTimeout(limit);
        resolve({ code, signal, text, ms: performance.now() - begin });
      });
    });
  }

  test.each([
    ['close', 0, 'closed\n'],
    ['reopen', 0, 'closed\n'],
    ['exit', 7, 'exiting\n'],
  ])(
    'ends with %s, every time',
    async (mode, code, text) => {
      for (let round = 0; round < 6; round++) {
        const result = await run(mode);
        expect(result).toMatchObject({ code, signal: null, text });
        expect(result.ms).toBeLessThan(4_000);
      }
    },
    40_000,
  );

  test('without the right to make one says what it needs', async () => {
    const { text } = await run('denied', { uid: 65_534 });
    expect(text).toBe(
      'TAP device "probe0": cannot create it: this needs root or the capability CAP_NET_ADMIN; run it with sudo (EACCES).\n',
    );
  });
});
