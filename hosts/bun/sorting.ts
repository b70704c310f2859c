import type { Socket } from 'bun';
import type { Channel, ChannelHandler, Listener, ListenOptions, TlsSelector } from '../../engine/host.ts';
import type { Libc } from '../linux/libc.ts';
import { acceptEngineTls } from '../shared/accept-engine-tls.ts';
import { NOBODY } from '../shared/channel.ts';
import { HANDSHAKE_MS, Handshakes } from '../shared/handshakes.ts';
import { accept } from './accept.ts';
import { BareSocket } from './bare-socket.ts';
import { loadLibc } from './libc.ts';
import { startListening } from './listening.ts';
import { type Carrier, guarded, localOf, remoteOf, traffic } from './wire.ts';

/** <bits/socket.h>. */
const MSG_PEEK = 0x02;
const MSG_DONTWAIT = 0x40;

/** Milliseconds between two looks at a connection of which nothing has come: twice as long each time, up to the last. */
const FIRST_LOOK_MS = 1;
const LAST_LOOK_MS = 32;

/** As much as a ClientHello may have: see `engine/tls-legacy/listener.ts`. */
const peeked = new Uint8Array(16_384);

let libc: Libc | undefined;

/** What an accepted socket carries until it is known who takes it. */
interface Waiting extends Carrier {
  timer: ReturnType<typeof setTimeout> | undefined;
  deadline: number;
}

/**
 * A port for both TLS engines. Bun can start its own TLS on a connection that was accepted, but cannot give back what it
 * has read: so nothing is read until the kernel, asked for a look at what has come, has shown enough to choose.
 */
export function listenForBoth(
  options: ListenOptions & { readonly tls: TlsSelector },
  onChannel: (channel: Channel) => ChannelHandler,
): Listener {
  const { host, port, tls } = options;
  const handshakes = new Handshakes<Socket<Waiting>>();
  const forget = (socket: Socket<Waiting>): void => {
    handshakes.end(socket);
    clearTimeout(socket.data?.timer);
  };
  const give = (socket: Socket<Waiting>): void => {
    forget(socket);
    socket.terminate();
  };

  const byEngine = (socket: Socket<Waiting>): void => {
    const remote = remoteOf(socket);
    if (remote === undefined) return give(socket);
    const plain = new BareSocket(socket);
    socket.data.wire = plain;
    const done = (): void => handshakes.end(socket);
    acceptEngineTls(plain, new Uint8Array(0), () => tls.open(), { local: localOf(socket), remote, onChannel, done });
    socket.resume();
  };

  const byRuntime = (socket: Socket<Waiting>): void => {
    const timer = setTimeout(() => give(socket), HANDSHAKE_MS);
    socket.data.timer = timer;
    const carrier: Carrier = { wire: undefined, events: undefined };
    socket.upgradeTLS<Carrier>({
      data: carrier,
      // Without `isServer`, which is not in Bun's types, it would be the client.
      ...({ isServer: true } as object),
      tls: { cert: options.certificate, key: options.key },
      socket: {
        ...traffic,
        handshake(secure, success) {
          forget(socket);
          if (success) guarded(() => accept(secure, options.minimum, onChannel));
          else secure.terminate();
        },
        close(secure, error) {
          forget(socket);
          secure.data?.events?.ended(error);
        },
        error() {},
      },
    });
    // Bun hands what comes, still encrypted, to the handlers of this socket too.
    socket.data.events = NOBODY;
    socket.resume();
  };

  /** Looks at what has come, now and again. */
  const look = (socket: Socket<Waiting>, waitMs: number): void => {
    libc ??= loadLibc().libc;
    const fd = (socket as unknown as { readonly fd: number }).fd;
    const count = libc.recv(fd, libc.addressOf(peeked), peeked.length, MSG_PEEK | MSG_DONTWAIT);
    // Closed by the peer before it has said anything.
    if (count === 0) return give(socket);
    const chosen = count < 0 ? undefined : tls.choose(peeked.subarray(0, count));
    if (chosen === 'engine') return guarded(() => byEngine(socket));
    if (chosen === 'runtime') return guarded(() => byRuntime(socket));
    if (performance.now() > socket.data.deadline) return give(socket);
    socket.data.timer = setTimeout(() => look(socket, Math.min(waitMs * 2, LAST_LOOK_MS)), waitMs);
  };

  return startListening(options, handshakes, () =>
    Bun.listen<Waiting>({
      hostname: host,
      port,
      exclusive: true,
      socket: {
        ...traffic,
        open(socket) {
          socket.setNoDelay(true);
          socket.data = {
            ...{ wire: undefined, events: undefined, timer: undefined },
            deadline: performance.now() + HANDSHAKE_MS,
          };
          handshakes.begin(socket, () => give(socket));
          if (tls.only) return guarded(() => byEngine(socket));
          socket.pause();
          look(socket, FIRST_LOOK_MS);
        },
        close(socket, error) {
          forget(socket);
          socket.data?.events?.ended(error);
        },
        error() {},
      },
    }),
  );
}
