import { IoctlFailure } from './interface.ts';
import { type Libc, SOCK_CLOEXEC, SOCK_RAW } from './libc.ts';

// linux/netlink.h, linux/rtnetlink.h, linux/if_link.h
const AF_NETLINK = 16;
const NETLINK_ROUTE = 0;
const NLM_F_REQUEST = 1;
const NLMSG_ERROR = 2;
const RTM_NEWLINK = 16;
const RTM_GETLINK = 18;
const NLMSG_HEADER = 16;
const IFINFO_BYTES = 16;
const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_MASTER = 10;
const IFLA_LINKINFO = 18;
const IFLA_INFO_SLAVE_KIND = 4;
const ATTRIBUTE_TYPE = 0x3fff;
/** What the kernel says of one interface; those with many virtual functions, which are not asked for, would need more. */
const ANSWER_BYTES = 16_384;
const ENODEV = 19;

export const ARPHRD_ETHER = 1;
export const ARPHRD_LOOPBACK = 772;
export const IFF_UP = 0x1;
export const IFF_SLAVE = 0x800;

/** A network interface, as the kernel of this namespace describes it. */
export interface Link {
  readonly index: number;
  readonly name: string;
  /** ARPHRD_*, linux/if_arp.h. */
  readonly type: number;
  /** IFF_*, linux/if.h. */
  readonly flags: number;
  readonly mtu: number;
  readonly mac: Uint8Array;
  /** Number of the interface that this one is a part of; undefined when it stands for itself. */
  readonly master: number | undefined;
  /** What that is, such as `bridge` or `bond`. */
  readonly masterKind: string | undefined;
}

/** By name or by number; undefined when there is none. Throws an `IoctlFailure`. */
export function readLink(libc: Libc, which: string | number): Link | undefined {
  const answer = ask(libc, which);
  const view = new DataView(answer.buffer);
  const length = Math.min(view.getUint32(0, true), answer.length);
  if (view.getUint16(4, true) === NLMSG_ERROR) {
    const errno = -view.getInt32(NLMSG_HEADER, true);
    if (errno === ENODEV) return undefined;
    throw new IoctlFailure('look at it', errno);
  }
  if (view.getUint16(4, true) !== RTM_NEWLINK) throw new IoctlFailure('look at it', ENODEV);
  const found = attributes(answer.subarray(NLMSG_HEADER + IFINFO_BYTES, length));
  const info = found.get(IFLA_LINKINFO);
  const slave = info === undefined ? undefined : attributes(info).get(IFLA_INFO_SLAVE_KIND);
  return {
    type: view.getUint16(NLMSG_HEADER + 2, true),
    index: view.getInt32(NLMSG_HEADER + 4, true),
    flags: view.getUint32(NLMSG_HEADER + 8, true),
    name: text(found.get(IFLA_IFNAME)) ?? '',
    mtu: number(found.get(IFLA_MTU)) ?? 0,
    mac: Uint8Array.from(found.get(IFLA_ADDRESS) ?? []),
    master: number(found.get(IFLA_MASTER)),
    masterKind: text(slave),
  };
}

function ask(libc: Libc, which: string | number): Uint8Array<ArrayBuffer> {
  const name = typeof which === 'string' ? new TextEncoder().encode(`${which}\0`) : undefined;
  const attribute = name === undefined ? 0 : 4 + align(name.length);
  const length = NLMSG_HEADER + IFINFO_BYTES + attribute;
  const memory = new ArrayBuffer(ANSWER_BYTES);
  const view = new DataView(memory);
  view.setUint32(0, length, true);
  view.setUint16(4, RTM_GETLINK, true);
  view.setUint16(6, NLM_F_REQUEST, true);
  if (name === undefined) {
    view.setInt32(NLMSG_HEADER + 4, which as number, true);
  } else {
    view.setUint16(NLMSG_HEADER + IFINFO_BYTES, 4 + name.length, true);
    view.setUint16(NLMSG_HEADER + IFINFO_BYTES + 2, IFLA_IFNAME, true);
    new Uint8Array(memory).set(name, NLMSG_HEADER + IFINFO_BYTES + 4);
  }
  const fd = libc.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) throw new IoctlFailure('look at it', libc.errno());
  try {
    const address = libc.addressOf(memory);
    if (libc.write(fd, address, length) < 0) throw new IoctlFailure('look at it', libc.errno());
    // The kernel has answered when `write` returns.
    const got = libc.read(fd, address, ANSWER_BYTES);
    if (got < NLMSG_HEADER + IFINFO_BYTES) throw new IoctlFailure('look at it', got < 0 ? libc.errno() : ENODEV);
    return new Uint8Array(memory, 0, got);
  } finally {
    libc.close(fd);
  }
}

function attributes(bytes: Uint8Array): Map<number, Uint8Array> {
  const found = new Map<number, Uint8Array>();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = view.getUint16(at, true);
    if (length < 4 || at + length > bytes.length) break;
    found.set(view.getUint16(at + 2, true) & ATTRIBUTE_TYPE, bytes.subarray(at + 4, at + length));
    at += align(length);
  }
  return found;
}

function align(length: number): number {
  return (length + 3) & ~3;
}

function text(bytes: Uint8Array | undefined): string | undefined {
  if (bytes === undefined) return undefined;
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

function number(bytes: Uint8Array | undefined): number | undefined {
  return bytes === undefined || bytes.length < 4
    ? undefined
    : new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
}
