import type { Cidr } from './cidr.ts';
import { AF_INET, AF_INET6, type Libc, SOCK_CLOEXEC, SOCK_DGRAM } from './libc.ts';

// linux/sockios.h
const SIOCGIFFLAGS = 0x8913;
const SIOCSIFFLAGS = 0x8914;
const SIOCSIFADDR = 0x8916;
const SIOCSIFNETMASK = 0x891c;
const SIOCSIFMTU = 0x8922;
const SIOCSIFHWADDR = 0x8924;
const SIOCGIFHWADDR = 0x8927;
const SIOCGIFINDEX = 0x8933;
const SIOCSIFTXQLEN = 0x8943;

const IFF_UP = 0x1;
const ARPHRD_ETHER = 1;

/** Characters of an interface name, with the NUL: IFNAMSIZ in linux/if.h. */
export const IFNAMSIZ = 16;

/** struct ifreq: a name of IFNAMSIZ bytes, then a union of 24. */
export const IFREQ_BYTES = 40;

/** struct in6_ifreq: in6_addr, prefix length, interface index. */
const IN6_IFREQ_BYTES = 24;

/** A call that failed, for the caller to put into words. */
export class IoctlFailure extends Error {
  readonly action: string;
  readonly errno: number;

  constructor(action: string, errno: number) {
    super(`${action}: errno ${errno}`);
    this.action = action;
    this.errno = errno;
  }
}

const encoder = new TextEncoder();
const littleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** One `struct ifreq` in memory that does not move, for one call after the other. */
export class InterfaceRequest {
  readonly address: number;
  readonly view: DataView;
  readonly #bytes: Uint8Array;

  constructor(libc: Libc) {
    const memory = new ArrayBuffer(IFREQ_BYTES);
    this.#bytes = new Uint8Array(memory);
    this.view = new DataView(memory);
    this.address = libc.addressOf(memory);
  }

  /** Clears it and fills in a name of at most 15 bytes. */
  reset(name: string): this {
    this.#bytes.fill(0);
    this.#bytes.set(encoder.encode(name).subarray(0, IFNAMSIZ - 1));
    return this;
  }

  name(): string {
    const end = this.#bytes.indexOf(0);
    return new TextDecoder().decode(this.#bytes.subarray(0, end < 0 || end > IFNAMSIZ ? IFNAMSIZ : end));
  }

  /** The union behind the name. */
  union(offset = 0, length = IFREQ_BYTES - IFNAMSIZ - offset): Uint8Array {
    return this.#bytes.subarray(IFNAMSIZ + offset, IFNAMSIZ + offset + length);
  }

  setUint16(offset: number, value: number): void {
    this.view.setUint16(IFNAMSIZ + offset, value, littleEndian);
  }

  getUint16(offset: number): number {
    return this.view.getUint16(IFNAMSIZ + offset, littleEndian);
  }

  setInt32(offset: number, value: number): void {
    this.view.setInt32(IFNAMSIZ + offset, value, littleEndian);
  }

  getInt32(offset: number): number {
    return this.view.getInt32(IFNAMSIZ + offset, littleEndian);
  }
}

/** Settings of one network interface. Every method throws an `IoctlFailure`. */
export class Interface {
  readonly #libc: Libc;
  readonly #name: string;
  readonly #request: InterfaceRequest;
  readonly #socket: number;
  #ipv4Addresses = 0;

  constructor(libc: Libc, name: string) {
    this.#libc = libc;
    this.#name = name;
    this.#request = new InterfaceRequest(libc);
    this.#socket = libc.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (this.#socket < 0) throw new IoctlFailure('open a socket to configure it', libc.errno());
  }

  /** Ends the use of this object; the interface stays. */
  close(): void {
    this.#libc.close(this.#socket);
  }

  mac(): Uint8Array {
    this.#call(SIOCGIFHWADDR, this.#request.reset(this.#name), 'read its MAC address');
    return Uint8Array.from(this.#request.union(2, 6));
  }

  setMac(mac: Uint8Array): void {
    const request = this.#request.reset(this.#name);
    request.setUint16(0, ARPHRD_ETHER);
    request.union(2, 6).set(mac);
    this.#call(SIOCSIFHWADDR, request, 'set its MAC address');
  }

  setMtu(mtu: number): void {
    const request = this.#request.reset(this.#name);
    request.setInt32(0, mtu);
    this.#call(SIOCSIFMTU, request, `set its MTU to ${mtu}`);
  }

  /** Frames that may wait for `read`; more are dropped by the kernel. */
  setQueueLength(frames: number): void {
    const request = this.#request.reset(this.#name);
    request.setInt32(0, frames);
    this.#call(SIOCSIFTXQLEN, request, `set its queue to ${frames} frames`);
  }

  addAddress(cidr: Cidr, text: string): void {
    if (cidr.family === 4) this.#addIpv4(cidr, text);
    else this.#addIpv6(cidr, text);
  }

  up(): void {
    this.#setUp(true, 'bring it up');
  }

  down(): void {
    this.#setUp(false, 'take it down');
  }

  #setUp(up: boolean, action: string): void {
    const request = this.#request.reset(this.#name);
    this.#call(SIOCGIFFLAGS, request, 'read its state');
    const flags = request.getUint16(0);
    request.setUint16(0, up ? flags | IFF_UP : flags & ~IFF_UP);
    this.#call(SIOCSIFFLAGS, request, action);
  }

  #addIpv4(cidr: Cidr, text: string): void {
    // By ioctl an interface has one IPv4 address; a further one goes by a label of its own, "name:1".
    const label = this.#ipv4Addresses === 0 ? this.#name : `${this.#name}:${this.#ipv4Addresses}`;
    this.#ipv4Addresses++;
    const request = this.#request;
    const setAddress = (bytes: Uint8Array): InterfaceRequest => {
      request.reset(label).setUint16(0, AF_INET);
      request.union(4, 4).set(bytes);
      return request;
    };
    this.#call(SIOCSIFADDR, setAddress(cidr.bytes), `give it the address ${text}`);
    // The kernel guesses a prefix from the address class, so a netmask always follows.
    const mask = new DataView(new ArrayBuffer(4));
    mask.setUint32(0, cidr.prefix === 0 ? 0 : (-1 << (32 - cidr.prefix)) >>> 0);
    this.#call(SIOCSIFNETMASK, setAddress(new Uint8Array(mask.buffer)), `give it the prefix of ${text}`);
  }

  #addIpv6(cidr: Cidr, text: string): void {
    const action = `give it the address ${text}`;
    this.#call(SIOCGIFINDEX, this.#request.reset(this.#name), action);
    const index = this.#request.getInt32(0);
    const memory = new ArrayBuffer(IN6_IFREQ_BYTES);
    new Uint8Array(memory).set(cidr.bytes);
    const view = new DataView(memory);
    view.setUint32(16, cidr.prefix, littleEndian);
    view.setInt32(20, index, littleEndian);
    const socket = this.#libc.socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket < 0) throw new IoctlFailure(action, this.#libc.errno());
    const result = this.#libc.ioctl(socket, SIOCSIFADDR, this.#libc.addressOf(memory));
    const errno = this.#libc.errno();
    this.#libc.close(socket);
    if (result < 0) throw new IoctlFailure(action, errno);
  }

  #call(code: number, request: InterfaceRequest, action: string): void {
    if (this.#libc.ioctl(this.#socket, code, request.address) < 0) {
      throw new IoctlFailure(action, this.#libc.errno());
    }
  }
}
