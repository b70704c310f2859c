/**
 * Many small datagrams at a rate, as a program for hosts of the lab. It runs on Bun, whose calls into libc cost least:
 * `sendmmsg` and `recvmmsg` (`man 2 sendmmsg`) move 64 datagrams at a time, so that on a machine of two processors the
 * measuring leaves them to what is measured.
 *
 *   datagrams-main.js receive PORT SIZE             says {"type":"listening"}, and its result when nothing more comes
 *   datagrams-main.js send HOST PORT SIZE RATE COUNT
 *
 * Results are what `datagrams.ts` describes, one JSON object in a line. IPv4 only.
 */
import { dlopen, ptr } from 'bun:ffi';
import { writeSync } from 'node:fs';

const [AF_INET, SOCK_DGRAM] = [2, 2];
const [SOL_SOCKET, SO_RCVTIMEO, SO_SNDBUFFORCE, SO_RCVBUFFORCE] = [1, 20, 32, 33];
/** Wait for the first datagram only. */
const MSG_WAITFORONE = 0x10000;

const BATCH = 64;
/** Room for what comes while the receiver does not get a processor, bytes. */
const BUFFER_BYTES = 16 * 1024 * 1024;
/** So long a silence is the end, once something has come. */
const SILENCE_MS = 150;
/** So many of them are the end when nothing has. */
const SILENCES = 20;
/** A rest, for who has less than half of it to send. */
const TICK_US = 500;
/** Who was late for more than this does not make up for it: such a burst would be another measurement. */
const LATE_MS = 2;

/** What only addresses lead to, which no garbage collector follows. */
const kept: ArrayBufferView[] = [];

const { symbols: libc } = dlopen('libc.so.6', {
  socket: { args: ['i32', 'i32', 'i32'], returns: 'i32' },
  bind: { args: ['i32', 'ptr', 'u32'], returns: 'i32' },
  connect: { args: ['i32', 'ptr', 'u32'], returns: 'i32' },
  setsockopt: { args: ['i32', 'i32', 'i32', 'ptr', 'u32'], returns: 'i32' },
  sendmmsg: { args: ['i32', 'ptr', 'u32', 'i32'], returns: 'i32' },
  recvmmsg: { args: ['i32', 'ptr', 'u32', 'i32', 'ptr'], returns: 'i32' },
  usleep: { args: ['u32'], returns: 'i32' },
});

const [role, ...rest] = process.argv.slice(2);
if (role === 'receive') receive(Number(rest[0]), Number(rest[1]));
else send(rest[0] ?? '', ...(rest.slice(1).map(Number) as [number, number, number, number]));

function receive(port: number, size: number): void {
  const socket = open();
  option(socket, SO_RCVBUFFORCE, Int32Array.of(BUFFER_BYTES));
  option(socket, SO_RCVTIMEO, BigInt64Array.of(0n, BigInt(SILENCE_MS * 1_000)));
  check('bind', libc.bind(socket, address('0.0.0.0', port), 16));
  say({ type: 'listening' });
  const vector = messages(size);
  let [received, first, last] = [0, 0, 0];
  for (let silences = 0; silences < SILENCES && (silences === 0 || received === 0); ) {
    const count = libc.recvmmsg(socket, vector, BATCH, MSG_WAITFORONE, null);
    if (count <= 0) {
      silences++;
      continue;
    }
    last = performance.now();
    if (received === 0) first = last;
    received += count;
  }
  say({ type: 'result', received, seconds: (last - first) / 1_000 });
}

function send(host: string, port: number, size: number, rate: number, count: number): void {
  const socket = open();
  option(socket, SO_SNDBUFFORCE, Int32Array.of(BUFFER_BYTES));
  check('connect', libc.connect(socket, address(host, port), 16));
  const vector = messages(size);
  const begun = performance.now();
  let sent = 0;
  let start = begun;
  while (sent < count) {
    const now = performance.now();
    // A rate counts from where it was last kept.
    const late = ((now - start) / 1_000) * rate - sent - (LATE_MS / 1_000) * rate;
    if (late > 0) start += (late / rate) * 1_000;
    let due = Math.min(count, Math.ceil(((now - start) / 1_000) * rate)) - sent;
    if (due < (rate * TICK_US) / 1e6 / 2) libc.usleep(TICK_US);
    while (due > 0) {
      const taken = libc.sendmmsg(socket, vector, Math.min(due, BATCH), 0);
      // What a full queue refuses is lost like any other.
      const gone = Math.max(taken, 1);
      sent += gone;
      due -= gone;
    }
  }
  say({ type: 'result', sent, seconds: (performance.now() - begun) / 1_000 });
}

function open(): number {
  return check('socket', libc.socket(AF_INET, SOCK_DGRAM, 0));
}

function option(socket: number, name: number, value: Int32Array | BigInt64Array): void {
  check(`setsockopt ${name}`, libc.setsockopt(socket, SOL_SOCKET, name, value, value.byteLength));
}

/** `struct sockaddr_in`. */
function address(host: string, port: number): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_INET, true);
  view.setUint16(2, port);
  bytes.set(host.split('.').map(Number), 4);
  return bytes;
}

/** `struct mmsghdr` of a 64-bit machine for a batch of datagrams, all in one place: what is in them says nothing. */
function messages(size: number): Uint8Array {
  const data = new Uint8Array(size);
  const part = new BigUint64Array([BigInt(ptr(data)), BigInt(size)]);
  const vector = new BigUint64Array(BATCH * 8);
  for (let i = 0; i < BATCH; i++) {
    vector[i * 8 + 2] = BigInt(ptr(part)); // msg_iov, behind msg_name and its length
    vector[i * 8 + 3] = 1n;
  }
  kept.push(data, part);
  return new Uint8Array(vector.buffer);
}

function check(what: string, result: number): number {
  if (result < 0) throw new Error(`${what} failed`);
  return result;
}

/** Synchronous: a line must be out before the process ends. */
function say(object: unknown): void {
  writeSync(1, `${JSON.stringify(object)}\n`);
}
