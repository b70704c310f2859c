import type { BridgedInterface, FrameBatch, TapHandler } from '../../engine/host.ts';
import { VNET_HEADER_BYTES } from '../../engine/host.ts';
import { BatchMemory } from './batch-memory.ts';
import { bridgeFailure } from './bridge-errors.ts';
import { EAGAIN, EINTR, EMSGSIZE, ENETDOWN, ENOBUFS, ENODEV, ENXIO } from './errno.ts';
import { Interface, IoctlFailure } from './interface.ts';
import type { Libc } from './libc.ts';
import { Messages } from './messages.ts';
import { IFF_UP, type Link, readLink } from './netlink.ts';
import { takeOverflow } from './packet-socket.ts';
import type { Poller, Watch } from './poller.ts';

/** Frames that one system call writes at most. */
const MESSAGES = 128;
/**
 * Frames that one reads: few at first, as each may be a super-frame, then more. Even 32 of those, when nothing but short
 * frames came before, fit in the queue of the port that they go to.
 */
const FIRST_READ = 8;
const MOST_READ = 32;
const MSG_DONTWAIT = 0x40;
/** Room that a VLAN tag needs in the place of its frame. */
const TAG_BYTES = 4;
const ETHERNET_BYTES = 14;
/** The longest frame that a hub carries (`protocol/data-plane.md` §1.4), and the MTU that lets it pass an interface. */
const FRAME_MAX = 1600;
const MTU_FOR_ALL = FRAME_MAX - ETHERNET_BYTES;
const USUAL_MTU = 1500;

/** Why the kernel did not take a frame, or could not hand it over. */
type Cause =
  | 'too-long-for-interface'
  | 'interface-down'
  | 'interface-busy'
  | 'refused-by-kernel'
  | 'receive-buffer-full';

/** What was found out about the interface before its socket was opened. */
export interface Opening {
  readonly link: Link;
  /** It was down, and is to be taken down again. */
  readonly broughtUp: boolean;
  readonly addresses: readonly string[];
  readonly hasDefaultRoute: boolean;
  /** Whether the kernel knows super-frames of UDP. */
  readonly udp: boolean;
  /** To be told when the port is closed. */
  readonly closed: () => void;
}

/** An interface of this host as a port of a hub, through a packet socket. */
export class PacketPort implements BridgedInterface {
  readonly name: string;
  readonly mac: Uint8Array;
  readonly mtu: number;
  readonly offloads: BridgedInterface['offloads'];
  readonly addresses: readonly string[];
  readonly hasDefaultRoute: boolean;
  readonly frameMax: number;
  readonly #libc: Libc;
  readonly #fd: number;
  readonly #handler: TapHandler;
  readonly #watch: Watch;
  readonly #opening: Opening;
  readonly #incoming: Messages;
  readonly #outgoing: Messages;
  readonly #lost = new Map<Cause, number>();
  #mtuNow: number;
  #mayRaise: boolean;
  readonly #places: BatchMemory;
  #state: 'open' | 'failed' | 'closed' = 'open';

  /** Owns `fd` from here on. */
  constructor(libc: Libc, poller: Poller, fd: number, opening: Opening, handler: TapHandler) {
    const { link, addresses, hasDefaultRoute, udp } = opening;
    this.#libc = libc;
    this.#places = new BatchMemory(libc);
    this.#fd = fd;
    this.#handler = handler;
    this.#opening = opening;
    this.name = link.name;
    this.mac = link.mac;
    this.mtu = this.#mtuNow = link.mtu;
    this.offloads = { tcp: true, udp };
    this.addresses = addresses;
    this.hasDefaultRoute = hasDefaultRoute;
    // One that was made smaller has a reason for it, and the host's own packets would become longer too.
    this.#mayRaise = link.mtu >= USUAL_MTU && link.mtu < MTU_FOR_ALL && addresses.length === 0;
    this.frameMax = link.mtu < USUAL_MTU ? link.mtu + ETHERNET_BYTES : Math.max(link.mtu + ETHERNET_BYTES, FRAME_MAX);
    this.#incoming = new Messages(libc, MOST_READ, true);
    this.#outgoing = new Messages(libc, MESSAGES, false);
    this.#watch = poller.watch(fd, () => this.#handler.readable());
  }

  read(batch: FrameBatch, count: number, bytes: number): number {
    if (this.#state !== 'open') return 0;
    const { lengths, tags } = batch;
    const base = this.#places.baseOf(batch, count);
    let filled = 0;
    let room = bytes;
    let longest = 1;
    let most = FIRST_READ;
    // A call that fails consumes an error or a frame, so `count` of them are enough and none is for ever.
    for (let attempt = 0; attempt < count && filled < count && room > 0; attempt++) {
      const asked = Math.min(count - filled, most, Math.max(1, Math.ceil(room / longest)));
      const got = this.#receive(batch, base, filled, asked);
      if (got < 0) {
        const errno = this.#libc.errno();
        if (errno === EAGAIN || this.#isDown(errno)) break;
        if (errno !== EINTR) this.#count('refused-by-kernel');
        continue;
      }
      for (let i = 0; i < got; i++) {
        // One that did not fit is empty, and dropped as such.
        const length = this.#incoming.length(i) || VNET_HEADER_BYTES;
        lengths[filled] = length;
        room -= length;
        longest = Math.max(longest, length);
        const tag = this.#incoming.tag(i);
        if (tag !== 0 && tags !== undefined) tags[filled] = tag;
        filled++;
      }
      most = Math.min(MOST_READ, most * 2);
      // There were no more.
      if (got < asked) break;
    }
    return filled;
  }

  write(batch: FrameBatch, count: number): number {
    if (this.#state !== 'open') return 0;
    const base = this.#places.baseOf(batch, count);
    for (let first = 0; first < count; first += MESSAGES) {
      this.#write(batch, base, first, Math.min(count, first + MESSAGES));
    }
    return count;
  }

  lost(): Readonly<Record<string, number>> {
    if (this.#state !== 'closed') {
      const overflow = takeOverflow(this.#libc, this.#fd);
      if (overflow > 0) this.#count('receive-buffer-full', overflow);
    }
    return Object.fromEntries(this.#lost);
  }

  hasChanged(): boolean {
    if (this.#state !== 'open') return true;
    const { link } = this.#opening;
    try {
      const now = readLink(this.#libc, link.index);
      return (
        now === undefined ||
        now.mtu !== this.#mtuNow ||
        now.master !== undefined ||
        now.mac.some((byte, i) => byte !== link.mac[i])
      );
    } catch {
      return false;
    }
  }

  arm(): void {
    if (this.#state === 'open') this.#watch.arm();
  }

  close(): void {
    if (this.#state === 'closed') return;
    if (this.#state === 'open') this.#watch.remove();
    this.lost();
    this.#state = 'closed';
    this.#libc.close(this.#fd);
    this.#restore();
    this.#opening.closed();
  }

  #receive(batch: FrameBatch, base: number, first: number, count: number): number {
    const { offsets, lengths } = batch;
    this.#incoming.aim(offsets, lengths, base, first, count, TAG_BYTES);
    this.#incoming.expect(count);
    return this.#libc.recvmmsg(this.#fd, this.#incoming.at(0), count, MSG_DONTWAIT, 0);
  }

  /** What the kernel does not take is lost, as on a wire. */
  #write(batch: FrameBatch, base: number, first: number, end: number): void {
    const { offsets, lengths } = batch;
    const count = end - first;
    this.#outgoing.aim(offsets, lengths, base, first, count, 0);
    let sent = 0;
    let interrupts = 0;
    while (sent < count) {
      const took = this.#libc.sendmmsg(this.#fd, this.#outgoing.at(sent), count - sent, MSG_DONTWAIT);
      if (took > 0) {
        sent += took;
        continue;
      }
      // The first of those that were left; what is behind it has not been tried.
      const errno = this.#libc.errno();
      if (errno === EINTR && interrupts++ < count) continue;
      if (errno === EAGAIN) return this.#count('interface-busy', count - sent);
      if (this.#isDown(errno)) return this.#count('interface-down', count - sent);
      if (errno === EMSGSIZE) {
        if (this.#raise(lengths[first + sent]! - VNET_HEADER_BYTES)) continue;
        this.#count('too-long-for-interface');
      } else {
        this.#count(errno === ENOBUFS ? 'interface-busy' : 'refused-by-kernel');
      }
      sent++;
    }
  }

  /** Whether it is worth while to try again: frames of up to 1600 bytes pass a hub (`protocol/data-plane.md` §6.11). */
  #raise(length: number): boolean {
    if (!this.#mayRaise || length > FRAME_MAX) return false;
    this.#mayRaise = false;
    const raised = this.#configure((device) => device.setMtu(MTU_FOR_ALL));
    if (raised) this.#mtuNow = MTU_FOR_ALL;
    return raised;
  }

  /** What somebody else has changed meanwhile is left as it is. */
  #restore(): void {
    const { link, broughtUp } = this.#opening;
    const now = this.#look();
    if (now === undefined) return;
    if (this.#mtuNow !== link.mtu && now.mtu === this.#mtuNow)
      this.#configure((device) => device.setMtu(link.mtu), now.name);
    if (broughtUp && (now.flags & IFF_UP) !== 0) this.#configure((device) => device.down(), now.name);
  }

  #look(): Link | undefined {
    try {
      return readLink(this.#libc, this.#opening.link.index);
    } catch {
      return undefined;
    }
  }

  #configure(change: (device: Interface) => void, name = this.name): boolean {
    let device: Interface | undefined;
    try {
      device = new Interface(this.#libc, name);
      change(device);
      return true;
    } catch (error) {
      if (error instanceof IoctlFailure) return false;
      throw error;
    } finally {
      device?.close();
    }
  }

  #count(cause: Cause, frames = 1): void {
    this.#lost.set(cause, (this.#lost.get(cause) ?? 0) + frames);
  }

  /**
   * Whether an error means that the interface takes and gives nothing for now, or not any more. One that is down says
   * nothing until it is up again, and then it is as it was.
   */
  #isDown(errno: number): boolean {
    if (errno !== ENETDOWN && errno !== ENODEV && errno !== ENXIO) return false;
    if (this.#look() === undefined) this.#fail();
    return true;
  }

  #fail(): void {
    if (this.#state !== 'open') return;
    this.#state = 'failed';
    this.#watch.remove();
    const error = bridgeFailure(this.name, 'go on', ENODEV);
    // Not from inside the owner's own call.
    setImmediate(() => {
      if (this.#state === 'failed') this.#handler.failed(error);
    });
  }
}
