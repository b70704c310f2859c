import type { Libc } from './libc.ts';

// struct mmsghdr on 64-bit machines: a struct msghdr and a length; 32-bit words.
const WORDS = 16;
const IOV = 4;
const IOV_COUNT = 6;
const CONTROL = 8;
const CONTROL_BYTES = 10;
const FLAGS = 12;
const LENGTH = 14;
/** struct iovec: address and length. */
const IOVEC_WORDS = 4;
/** struct cmsghdr, then struct tpacket_auxdata of linux/if_packet.h. */
const AUXDATA_BYTES = 40;
const AUXDATA_WORDS = AUXDATA_BYTES / 4;
const STATUS = 4;
const TCI = 8;

const MSG_TRUNC = 0x20;
const TP_STATUS_VLAN_VALID = 1 << 4;
const TP_STATUS_VLAN_TPID_VALID = 1 << 6;
const ETHERTYPE_VLAN = 0x8100;
const TWO_32 = 0x1_0000_0000;

/** The tables with which one system call moves several frames between a packet socket and the core's memory. */
export class Messages {
  readonly address: number;
  readonly #words: Uint32Array;
  readonly #halves: Uint16Array;
  readonly #iovecs: number;
  readonly #control: number;

  /** For up to `size` frames. @param control Whether what the kernel says beside a frame is wanted. */
  constructor(libc: Libc, size: number, control: boolean) {
    this.#iovecs = size * WORDS;
    this.#control = this.#iovecs + size * IOVEC_WORDS;
    const memory = new ArrayBuffer((this.#control + (control ? size * AUXDATA_WORDS : 0)) * 4);
    this.#words = new Uint32Array(memory);
    this.#halves = new Uint16Array(memory);
    this.address = libc.addressOf(memory);
    for (let i = 0; i < size; i++) {
      this.#setAddress(i * WORDS + IOV, this.address + (this.#iovecs + i * IOVEC_WORDS) * 4);
      this.#words[i * WORDS + IOV_COUNT] = 1;
      if (control) this.#setAddress(i * WORDS + CONTROL, this.address + (this.#control + i * AUXDATA_WORDS) * 4);
    }
  }

  /** Address of the message of that number. */
  at(index: number): number {
    return this.address + index * WORDS * 4;
  }

  /** Has the first `count` messages be of the places from `first` on, without the last `less` bytes of their room. */
  aim(offsets: Uint32Array, lengths: Uint32Array, base: number, first: number, count: number, less: number): void {
    for (let i = 0; i < count; i++) {
      const at = this.#iovecs + i * IOVEC_WORDS;
      this.#setAddress(at, base + offsets[first + i]!);
      this.#words[at + 2] = lengths[first + i]! - less;
    }
  }

  /** Before the first `count` are received. */
  expect(count: number): void {
    for (let i = 0; i < count; i++) this.#words[i * WORDS + CONTROL_BYTES] = AUXDATA_BYTES;
  }

  /** The length of one that was received; 0 when it did not fit. */
  length(index: number): number {
    const at = index * WORDS;
    return (this.#words[at + FLAGS]! & MSG_TRUNC) === 0 ? this.#words[at + LENGTH]! : 0;
  }

  /** The VLAN tag that the kernel took out of it, its bytes as they lie on the wire; 0 without one. */
  tag(index: number): number {
    const at = this.#control + index * AUXDATA_WORDS;
    const status = this.#words[at + STATUS]!;
    if ((status & TP_STATUS_VLAN_VALID) === 0 || this.#words[index * WORDS + CONTROL_BYTES]! < AUXDATA_BYTES - 4)
      return 0;
    const tci = this.#halves[at * 2 + TCI * 2]!;
    const type = (status & TP_STATUS_VLAN_TPID_VALID) === 0 ? ETHERTYPE_VLAN : this.#halves[at * 2 + TCI * 2 + 1]!;
    return (swap(type) | (swap(tci) << 16)) >>> 0;
  }

  #setAddress(at: number, address: number): void {
    this.#words[at] = address % TWO_32;
    this.#words[at + 1] = address / TWO_32;
  }
}

function swap(value: number): number {
  return ((value & 0xff) << 8) | (value >>> 8);
}
