import type { Socket } from 'bun';
import { Count, type RawTls, WAYS, WRITE_BYTES } from './protocol.ts';

interface State {
  /** Of the server: undefined until the client has said which way. */
  way: keyof typeof WAYS | undefined;
  readonly sends: () => boolean;
  readonly count: Count;
  readonly ended: (count: Count) => void;
}

const DATA = new Uint8Array(WRITE_BYTES).fill(0x5a);

/** Over Bun's own sockets, as Etherloom on Bun does it. */
export const rawTls: RawTls = {
  listen: async ({ host, port, certificate, key }, onReceived) => {
    Bun.listen<State>({
      hostname: host,
      port,
      tls: { cert: certificate, key },
      socket: {
        ...common,
        open(socket) {
          socket.setNoDelay(true);
          const ended = (count: Count): void => {
            if (socket.data.way === 'up') onReceived(count);
          };
          socket.data = { way: undefined, sends: () => socket.data.way === 'down', count: new Count(), ended };
        },
        data(socket, bytes) {
          if (socket.data.way === undefined) {
            socket.data.way = bytes[0] === WAYS.down ? 'down' : 'up';
            if (socket.data.sends()) send(socket);
          } else {
            socket.data.count.take(bytes.length);
          }
        },
      },
    });
  },
  stream: (host, port, way, seconds) =>
    new Promise((resolve, reject) => {
      void Bun.connect<State>({
        hostname: host,
        port,
        // The certificate is of this run and of this machine.
        tls: { rejectUnauthorized: false },
        data: { way, sends: () => way === 'up', count: new Count(), ended: resolve },
        socket: {
          ...common,
          handshake(socket) {
            socket.setNoDelay(true);
            socket.write(Uint8Array.of(WAYS[way]));
            if (socket.data.sends()) send(socket);
            setTimeout(() => socket.terminate(), seconds * 1_000);
          },
          data(socket, bytes) {
            socket.data.count.take(bytes.length);
          },
        },
      }).catch(reject);
    }),
};

const common = {
  drain(socket: Socket<State>): void {
    if (socket.data.sends()) send(socket);
  },
  close(socket: Socket<State>): void {
    socket.data.ended(socket.data.count);
  },
  // Followed by `close`.
  error(): void {},
};

function send(socket: Socket<State>): void {
  // What was not taken need not come again: one byte is like the other.
  while (socket.write(DATA) === DATA.length) {}
}
