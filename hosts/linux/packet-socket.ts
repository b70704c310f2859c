import { IoctlFailure } from './interface.ts';
import { AF_PACKET, type Libc, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_RAW } from './libc.ts';

// asm-generic/socket.h
const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
// linux/if_packet.h
const SOL_PACKET = 263;
const PACKET_ADD_MEMBERSHIP = 1;
const PACKET_STATISTICS = 6;
const PACKET_AUXDATA = 8;
const PACKET_VNET_HDR = 15;
const PACKET_IGNORE_OUTGOING = 23;
const PACKET_MR_PROMISC = 1;
const PACKET_HOST = 0;
const PACKET_OUTGOING = 4;
const ETH_P_ALL = 3;

/**
 * A super-frame takes about twice its size: some 100 of them, or 10,000 small frames, wait for a turn of the event loop. The
 * kernel's own 208 KiB would hold two.
 */
const RECEIVE_BUFFER_BYTES = 16 << 20;
/** What may be on its way to a slower wire. */
const SEND_BUFFER_BYTES = 8 << 20;

// linux/filter.h
const LOAD_WORD = 0x20;
const JUMP_IF_EQUAL = 0x15;
const RETURN = 0x06;
const PACKET_TYPE = 0xffff_f004;
const PROGRAM_BYTES = 16;
/**
 * Leaves out what is for the host itself, which would be flooded in the hub for want of a station there, and what the host
 * sends. Code, jumps and operand of each instruction.
 */
const FILTER: readonly (readonly [code: number, ifTrue: number, ifFalse: number, operand: number])[] = [
  [LOAD_WORD, 0, 0, PACKET_TYPE],
  [JUMP_IF_EQUAL, 2, 0, PACKET_HOST],
  [JUMP_IF_EQUAL, 1, 0, PACKET_OUTGOING],
  [RETURN, 0, 0, 0xffff_ffff],
  [RETURN, 0, 0, 0],
];

/**
 * A packet socket of an interface, in promiscuous mode for as long as it is open: the kernel takes that back whenever the
 * socket is closed, however the process ends. Frames have a virtio header, super-frames come whole, and the interface's
 * offloads stay as they are. Throws an `IoctlFailure`; nothing is open then.
 */
export function openPacketSocket(libc: Libc, index: number): number {
  // No protocol yet: a socket that has one gets frames of all interfaces until it is bound.
  const fd = libc.socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) throw new IoctlFailure('bridge it', libc.errno());
  try {
    const option = (level: number, name: number, memory: ArrayBuffer, action: string, bytes = memory.byteLength) => {
      if (libc.setsockopt(fd, level, name, libc.addressOf(memory), bytes) < 0) {
        throw new IoctlFailure(action, libc.errno());
      }
    };
    option(SOL_PACKET, PACKET_VNET_HDR, int(1), 'ask for its offloads');
    option(SOL_PACKET, PACKET_AUXDATA, int(1), 'ask for its VLAN tags');
    option(SOL_PACKET, PACKET_IGNORE_OUTGOING, int(1), 'leave out what this host sends');
    option(SOL_SOCKET, SO_RCVBUFFORCE, int(RECEIVE_BUFFER_BYTES), 'give it a buffer');
    option(SOL_SOCKET, SO_SNDBUFFORCE, int(SEND_BUFFER_BYTES), 'give it a buffer');
    // A struct sock_fprog and, in the same memory so that they live as long, the instructions that it points to.
    const program = new DataView(new ArrayBuffer(PROGRAM_BYTES + FILTER.length * 8));
    program.setUint16(0, FILTER.length, true);
    program.setBigUint64(8, BigInt(libc.addressOf(program.buffer) + PROGRAM_BYTES), true);
    for (const [index, [code, ifTrue, ifFalse, operand]] of FILTER.entries()) {
      const at = PROGRAM_BYTES + index * 8;
      program.setUint16(at, code, true);
      program.setUint8(at + 2, ifTrue);
      program.setUint8(at + 3, ifFalse);
      program.setUint32(at + 4, operand, true);
    }
    option(SOL_SOCKET, SO_ATTACH_FILTER, program.buffer, 'leave out what is for this host', PROGRAM_BYTES);
    const address = new DataView(new ArrayBuffer(20));
    address.setUint16(0, AF_PACKET, true);
    address.setUint16(2, ETH_P_ALL);
    address.setInt32(4, index, true);
    if (libc.bind(fd, libc.addressOf(address.buffer), 20) < 0) throw new IoctlFailure('bridge it', libc.errno());
    const membership = new DataView(new ArrayBuffer(16));
    membership.setInt32(0, index, true);
    membership.setUint16(4, PACKET_MR_PROMISC, true);
    option(SOL_PACKET, PACKET_ADD_MEMBERSHIP, membership.buffer, 'have it read every frame');
    return fd;
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

/** Frames that found the buffer full since the last call. */
export function takeOverflow(libc: Libc, fd: number): number {
  const memory = new ArrayBuffer(12);
  const view = new DataView(memory);
  view.setUint32(8, 8, true);
  const address = libc.addressOf(memory);
  return libc.getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, address, address + 8) < 0 ? 0 : view.getUint32(4, true);
}

function int(value: number): ArrayBuffer {
  const memory = new ArrayBuffer(4);
  new DataView(memory).setInt32(0, value, true);
  return memory;
}
