import tls, { type TLSSocket } from 'node:tls';
import { Count, type RawTls, WAYS, WRITE_BYTES } from './protocol.ts';

/** Over `node:tls`, as Etherloom on Node does it. */
export const rawTls: RawTls = {
  listen: ({ host, port, certificate, key }, onReceived) =>
    new Promise((resolve, reject) => {
      const server = tls.createServer({ cert: certificate, key, noDelay: true }, (socket) => {
        socket.on('error', () => undefined);
        socket.once('data', (hello: Buffer) => {
          if (hello[0] === WAYS.down) {
            send(socket);
            return;
          }
          const count = receive(socket);
          socket.once('close', () => onReceived(count));
        });
      });
      server.once('error', reject);
      server.listen(port, host, resolve);
    }),
  stream: (host, port, way, seconds) =>
    new Promise((resolve, reject) => {
      // The certificate is of this run and of this machine.
      const socket = tls.connect({ host, port, rejectUnauthorized: false }, () => {
        socket.setNoDelay(true);
        socket.write(Uint8Array.of(WAYS[way]));
        const count = receive(socket);
        if (way === 'up') send(socket);
        socket.once('close', () => resolve(count));
        setTimeout(() => socket.destroy(), seconds * 1_000);
      });
      socket.on('error', reject);
    }),
};

function send(socket: TLSSocket): void {
  const data = new Uint8Array(WRITE_BYTES).fill(0x5a);
  const next = (): void => {
    while (!socket.destroyed && socket.write(data)) {}
  };
  socket.on('drain', next);
  next();
}

function receive(socket: TLSSocket): Count {
  const count = new Count();
  socket.on('data', (data: Buffer) => count.take(data.length));
  return count;
}
