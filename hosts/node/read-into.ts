import { Socket } from 'node:net';

/** Takes the number of bytes that are in the buffer now. False stops reading. */
type Received = (bytes: number) => boolean;

/** What is not in Node's types. */
interface Readable {
  readonly _handle: { useUserBuffer?(buffer: Uint8Array): void } | null;
  [name: symbol]: unknown;
}

/** Where a socket of Node has what the option `onread` asks for; undefined where this version of Node has it elsewhere. */
const places = findPlaces();

/**
 * Has the socket put what it reads into `buffer`, again and again, as the option `onread` does: Node gives that to sockets
 * that it makes itself, and to no TLS socket around another one. Otherwise each record is an ArrayBuffer of its own and
 * an entry in a stream, which at some hundred MB/s keeps the garbage collector busy for a quarter of the time.
 * False: it goes on as before, with `data`.
 */
export function readInto(socket: Socket, buffer: Uint8Array, received: Received): boolean {
  const target = socket as unknown as Readable;
  if (places === undefined || typeof target._handle?.useUserBuffer !== 'function') return false;
  target[places.buffer] = buffer;
  target[places.callback] = received;
  target[places.generator] = null;
  target._handle.useUserBuffer(buffer);
  return true;
}

function findPlaces(): { buffer: symbol; callback: symbol; generator: symbol } | undefined {
  const model = new Socket({ onread: { buffer: new Uint8Array(1), callback: () => true } } as object);
  const named = (name: string) => Object.getOwnPropertySymbols(model).find(({ description }) => description === name);
  const [buffer, callback, generator] = [named('kBuffer'), named('kBufferCb'), named('kBufferGen')];
  model.destroy();
  if (buffer === undefined || callback === undefined || generator === undefined) return undefined;
  return { buffer, callback, generator };
}
