/**
 * The calls of the C library that the Linux part of a host makes. Pointers are plain numbers: a number costs nothing
 * to pass, and addresses of user space fit 47 bits. What fails returns -1; `errno` says why, if asked at once.
 */
export interface Libc {
  /** @param path Address of a NUL-terminated string. */
  open(path: number, flags: number): number;
  close(fd: number): number;
  read(fd: number, address: number, bytes: number): number;
  write(fd: number, address: number, bytes: number): number;
  recv(fd: number, address: number, bytes: number, flags: number): number;
  /** @param messages Address of `struct mmsghdr`s. Returns how many were received. */
  recvmmsg(fd: number, messages: number, count: number, flags: number, timeout: number): number;
  /** Likewise; how many were sent. */
  sendmmsg(fd: number, messages: number, count: number, flags: number): number;
  /** @param address Address of a `struct sockaddr`. */
  bind(fd: number, address: number, bytes: number): number;
  /** @param argument Address of a struct, or a number, as the request has it. */
  ioctl(fd: number, request: number, argument: number): number;
  /** Of the commands with a number as argument. */
  fcntl(fd: number, command: number, argument: number): number;
  socket(domain: number, type: number, protocol: number): number;
  /** @param value Address of the option's value. */
  setsockopt(fd: number, level: number, option: number, value: number, bytes: number): number;
  /** @param value Address of where the value goes. @param bytes Address of an int: the room in, the length out. */
  getsockopt(fd: number, level: number, option: number, value: number, bytes: number): number;
  epoll_create1(flags: number): number;
  epoll_ctl(epollFd: number, operation: number, fd: number, event: number): number;
  /** @param timeoutMs -1 waits for ever, 0 not at all. */
  epoll_wait(epollFd: number, events: number, count: number, timeoutMs: number): number;
  eventfd(initial: number, flags: number): number;
  sched_yield(): number;
  errno(): number;
  /**
   * Where bytes lie in memory. Only of memory that the engine does not move: WebAssembly memory, or an `ArrayBuffer`
   * made on its own (V8 keeps the bytes of small typed arrays in its moving heap).
   */
  addressOf(bytes: Uint8Array<ArrayBufferLike> | ArrayBuffer): number;
}

/** The functions above, as both FFI libraries want to know them: a result and arguments in their order. */
export type CType = 'int' | 'size' | 'address';

/**
 * `open`, `ioctl` and `fcntl` are variadic in C. On x86-64 and AArch64 Linux a variadic function takes integers where any
 * other does, so they are declared with the one argument that is used here. Results of `read` and `write` are declared `int`:
 * nothing here moves 2 GiB at once.
 */
export const SIGNATURES = {
  open: ['int', ['address', 'int']],
  close: ['int', ['int']],
  read: ['int', ['int', 'address', 'size']],
  write: ['int', ['int', 'address', 'size']],
  recv: ['int', ['int', 'address', 'size', 'int']],
  recvmmsg: ['int', ['int', 'address', 'int', 'int', 'address']],
  sendmmsg: ['int', ['int', 'address', 'int', 'int']],
  bind: ['int', ['int', 'address', 'int']],
  ioctl: ['int', ['int', 'size', 'address']],
  fcntl: ['int', ['int', 'int', 'int']],
  socket: ['int', ['int', 'int', 'int']],
  setsockopt: ['int', ['int', 'int', 'int', 'address', 'int']],
  getsockopt: ['int', ['int', 'int', 'int', 'address', 'address']],
  epoll_create1: ['int', ['int']],
  epoll_ctl: ['int', ['int', 'int', 'int', 'address']],
  epoll_wait: ['int', ['int', 'address', 'int', 'int']],
  eventfd: ['int', ['int', 'int']],
  sched_yield: ['int', []],
} as const satisfies Readonly<Record<string, readonly [CType, readonly CType[]]>>;

export const O_RDWR = 0x2;
export const O_NONBLOCK = 0x800;
export const O_CLOEXEC = 0x80000;

export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_PACKET = 17;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_NONBLOCK = 0x800;
export const SOCK_CLOEXEC = 0x80000;
