import type { FrameBatch, Tap, TapHandler, TapOptions, Taps } from '../../engine/host.ts';
import { VNET_HEADER_BYTES } from '../../engine/host.ts';
import { HostFailure } from '../shared/error.ts';
import { BatchMemory } from './batch-memory.ts';
import { EPOLLERR, EPOLLHUP } from './epoll.ts';
import { EAGAIN, EBADF, EBADFD, EINTR, EIO, ENODEV } from './errno.ts';
import { Interface, InterfaceRequest, IoctlFailure } from './interface.ts';
import { type Libc, O_CLOEXEC, O_NONBLOCK, O_RDWR } from './libc.ts';
import type { Poller, Watch } from './poller.ts';
import { tapFailure } from './tap-errors.ts';
import { type CheckedTapOptions, checkTapOptions } from './tap-options.ts';

// linux/if_tun.h
const TUNSETIFF = 0x4004_54ca;
const TUNSETOFFLOAD = 0x4004_54d0;
const TUNSETVNETHDRSZ = 0x4004_54d8;
const IFF_TAP = 0x0002;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;
/** Makes TUNSETIFF fail where it would otherwise take over a device of that name. */
const IFF_TUN_EXCL = 0x8000;

/** TUN_F_* flags, what the core can finish for the kernel: checksums, TCP over IPv4 and IPv6, with ECN. */
const OFFLOADS_TCP = 0x01 | 0x02 | 0x04 | 0x08;
/** UDP over IPv4 and IPv6: Linux 6.2 and later. */
const OFFLOADS_UDP = 0x20 | 0x40;

/**
 * Frames that wait in the kernel for `read`. Half a million small ones may come in a second, and now and then this process
 * has no processor for some milliseconds: with the driver's 500, and the 1,000 of Ethernet devices, bursts of datagrams
 * lost some. More would have an urgent frame wait longer where more comes than the processor can take.
 */
const QUEUE_FRAMES = 2000;

/** A TAP device of Linux. It is not persistent: the kernel removes it when its descriptor is closed. */
export class LinuxTap implements Tap {
  readonly name: string;
  readonly mac: Uint8Array;
  readonly offloads: Tap['offloads'];
  /** Frames that the kernel refused to take, or could not hand over: they are lost. */
  refused = 0;
  readonly #libc: Libc;
  readonly #fd: number;
  readonly #handler: TapHandler;
  readonly #watch: Watch;
  readonly #places: BatchMemory;
  #state: 'open' | 'failed' | 'closed' = 'open';

  /** Owns `fd` from here on. */
  constructor(libc: Libc, poller: Poller, fd: number, device: Device, mac: Uint8Array, handler: TapHandler) {
    this.#libc = libc;
    this.#places = new BatchMemory(libc);
    this.#fd = fd;
    this.name = device.name;
    this.offloads = device.offloads;
    this.mac = mac;
    this.#handler = handler;
    this.#watch = poller.watch(fd, (events) => this.#ready(events));
  }

  read(batch: FrameBatch, count: number, bytes: number): number {
    if (this.#state !== 'open') return 0;
    const { offsets, lengths } = batch;
    const base = this.#places.baseOf(batch, count);
    const libc = this.#libc;
    let filled = 0;
    let room = bytes;
    // A failed attempt consumes a frame or ends the loop, so `count` attempts are enough and none is for ever.
    for (let attempt = 0; attempt < count && room > 0; attempt++) {
      const length = libc.read(this.#fd, base + offsets[filled]!, lengths[filled]!);
      if (length > 0) {
        lengths[filled++] = length;
        room -= length;
        continue;
      }
      const errno = length < 0 ? libc.errno() : EAGAIN;
      if (errno === EAGAIN || this.#isDown(errno)) break;
      if (errno !== EINTR) this.refused++;
    }
    return filled;
  }

  write(batch: FrameBatch, count: number): number {
    if (this.#state !== 'open') return 0;
    const { offsets, lengths } = batch;
    const base = this.#places.baseOf(batch, count);
    const libc = this.#libc;
    let taken = 0;
    let interrupts = 0;
    while (taken < count) {
      if (libc.write(this.#fd, base + offsets[taken]!, lengths[taken]!) >= 0) {
        taken++;
        continue;
      }
      const errno = libc.errno();
      if (errno === EAGAIN) return taken;
      if (errno === EINTR && interrupts++ < count) continue;
      if (this.#isDown(errno)) {
        // It would refuse the others too, one system call each.
        this.refused += count - taken;
        return count;
      }
      this.refused++;
      taken++;
    }
    return taken;
  }

  lost(): Readonly<Record<string, number>> {
    return this.refused === 0 ? {} : { 'refused-by-kernel': this.refused };
  }

  arm(): void {
    if (this.#state === 'open') this.#watch.arm();
  }

  giveWay(): void {
    this.#libc.sched_yield();
  }

  close(): void {
    if (this.#state === 'closed') return;
    if (this.#state === 'open') this.#watch.remove();
    this.#state = 'closed';
    this.#libc.close(this.#fd);
  }

  #ready(events: number): void {
    if ((events & (EPOLLERR | EPOLLHUP)) !== 0) this.#fail(EBADFD);
    else this.#handler.readable();
  }

  /**
   * Whether an error means that the device takes and gives nothing for now, or not any more. A device that is down
   * (EIO) says nothing until it is up again, and then it is as it was.
   */
  #isDown(errno: number): boolean {
    if (errno === EBADFD || errno === EBADF || errno === ENODEV) this.#fail(errno);
    else if (errno !== EIO) return false;
    return true;
  }

  #fail(errno: number): void {
    if (this.#state !== 'open') return;
    this.#state = 'failed';
    this.#watch.remove();
    const error = tapFailure(this.name, 'go on', errno);
    // Not from inside the owner's own call.
    setImmediate(() => {
      if (this.#state === 'failed') this.#handler.failed(error);
    });
  }
}

interface Device {
  readonly name: string;
  readonly offloads: Tap['offloads'];
}

/** The device behind a fresh descriptor of /dev/net/tun. Throws an `IoctlFailure`. */
function createDevice(libc: Libc, fd: number, { name, offload }: CheckedTapOptions): Device {
  const request = new InterfaceRequest(libc).reset(name);
  request.setUint16(0, IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_TUN_EXCL);
  if (libc.ioctl(fd, TUNSETIFF, request.address) < 0) throw new IoctlFailure('create it', libc.errno());
  const created = request.name();
  request.reset('').view.setInt32(0, VNET_HEADER_BYTES, true);
  if (libc.ioctl(fd, TUNSETVNETHDRSZ, request.address) < 0) throw new IoctlFailure('set its header size', libc.errno());
  const offloads = (flags: number): boolean => offload && libc.ioctl(fd, TUNSETOFFLOAD, flags) >= 0;
  const udp = offloads(OFFLOADS_TCP | OFFLOADS_UDP);
  return { name: created, offloads: { udp, tcp: udp || offloads(OFFLOADS_TCP) } };
}

/** Addresses and state. Returns the MAC address; throws an `IoctlFailure`. */
function configure(libc: Libc, name: string, options: CheckedTapOptions): Uint8Array {
  const device = new Interface(libc, name);
  try {
    if (options.mac !== undefined) device.setMac(options.mac);
    device.setMtu(options.mtu);
    device.setQueueLength(QUEUE_FRAMES);
    for (const { cidr, text } of options.addresses) device.addAddress(cidr, text);
    device.up();
    return device.mac();
  } finally {
    device.close();
  }
}

function openControl(libc: Libc): number {
  const path = new TextEncoder().encode('/dev/net/tun\0');
  const memory = new ArrayBuffer(path.length);
  new Uint8Array(memory).set(path);
  const fd = libc.open(libc.addressOf(memory), O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) throw new IoctlFailure('create it', libc.errno());
  return fd;
}

/** What devices need: the C library, and what waits for them. */
export interface Kernel {
  readonly libc: Libc;
  readonly poller: Poller;
}

/** TAP devices of Linux. @param load Loads the C library; called with the first device. */
export function createTaps(load: () => Kernel): Taps {
  let loaded: Kernel | undefined;
  return {
    open(options: TapOptions, handler: TapHandler): Tap {
      const checked = checkTapOptions(options);
      const { name } = checked;
      if (process.platform !== 'linux') {
        const message = `TAP device "${name}": cannot create it: TAP devices need Linux, and this is ${process.platform}.`;
        throw new HostFailure('tap', 'ENOSYS', message);
      }
      loaded ??= load();
      const { libc, poller } = loaded;
      let fd = -1;
      try {
        fd = openControl(libc);
        const device = createDevice(libc, fd, checked);
        const mac = configure(libc, device.name, checked);
        return new LinuxTap(libc, poller, fd, device, mac, handler);
      } catch (error) {
        // Closing the descriptor takes the device with it, however far we came.
        if (fd >= 0) libc.close(fd);
        throw error instanceof IoctlFailure ? tapFailure(name, error.action, error.errno) : error;
      }
    },
  };
}
