/**
 * Sessions that send and get bare frames: the client's part of a login, and a block stream behind it. They say what no client
 * would, which is what a hub's policies are about. No TAP, no routes, nothing of the host is touched.
 */
import { randomBytes } from 'node:crypto';
import { connect, type TLSSocket } from 'node:tls';
import { ClientPreamble } from '../engine/login/client-preamble.ts';
import { PRODUCT } from '../engine/product.ts';

export interface FrameSessionOptions {
  readonly host: string;
  readonly port: number;
  readonly hub: string;
  /** An anonymous one. */
  readonly user: string;
  /** Bridge mode. Default `true`. */
  readonly bridge?: boolean;
  readonly monitor?: boolean;
}

const LOGIN_MS = 15_000;

export class FrameSession {
  /** Frames that came, in their order. */
  readonly received: Buffer[] = [];
  /** Why the session is over, when it is. */
  lost: string | undefined;
  readonly #socket: TLSSocket;
  #rest: Buffer = Buffer.alloc(0);
  /** Blocks of the batch at hand that are still to come. */
  #blocks = 0;

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
  }

  /** @throws Error when it is refused, with the number of the error. */
  static async open(options: FrameSessionOptions): Promise<FrameSession> {
    const { host, port } = options;
    const socket = connect({ host, port, rejectUnauthorized: false });
    const session = new FrameSession(socket);
    try {
      await session.#enter(options);
    } catch (error) {
      socket.destroy();
      throw error;
    }
    return session;
  }

  /** Frames in one batch. */
  send(frames: readonly Uint8Array[]): void {
    const parts: Uint8Array[] = [word(frames.length)];
    for (const frame of frames) parts.push(word(frame.length), frame);
    this.#socket.write(Buffer.concat(parts));
  }

  close(): void {
    this.#socket.destroy();
  }

  #enter(options: FrameSessionOptions): Promise<void> {
    const socket = this.#socket;
    const { host, port, user } = options;
    let preamble: ClientPreamble | undefined;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => fail(`no welcome after ${LOGIN_MS} ms`), LOGIN_MS);
      const fail = (cause: string): void => {
        clearTimeout(timer);
        this.lost ??= cause;
        reject(new Error(`${user}: ${cause}`));
      };
      const pump = (): void => {
        for (let out = preamble?.pollOutput(); out !== undefined; out = preamble?.pollOutput()) socket.write(out);
        const outcome = preamble?.outcome;
        if (outcome === undefined) return;
        preamble = undefined;
        if (outcome.kind !== 'welcome') return fail(JSON.stringify(outcome));
        clearTimeout(timer);
        this.#handle(Buffer.from(outcome.remainder));
        resolve();
      };
      socket.on('secureConnect', () => {
        socket.setNoDelay(true);
        preamble = new ClientPreamble(
          {
            random: (count) => new Uint8Array(randomBytes(count)),
            sha0: () => new Uint8Array(20),
            utc: Date.now,
            product: PRODUCT,
            remote: { address: host, port },
            local: { address: socket.localAddress ?? '0.0.0.0', port: socket.localPort ?? 1 },
            purpose: purposeOf(options),
          },
          performance.now(),
        );
        pump();
      });
      socket.on('data', (bytes: Buffer) => {
        if (preamble === undefined) return this.#handle(bytes);
        preamble.handleBytes(bytes, performance.now());
        pump();
      });
      socket.on('error', (error: Error) => fail(error.message));
      socket.on('close', () => fail('the server closed the connection'));
    });
  }

  /** `protocol/data-plane.md` §1.2. */
  #handle(bytes: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    for (;;) {
      if (this.#rest.length < 4) return;
      const size = this.#rest.readUInt32BE();
      if (this.#blocks === 0 && size !== KEEP_ALIVE) {
        this.#blocks = size;
        this.#rest = this.#rest.subarray(4);
        continue;
      }
      const head = this.#blocks === 0 ? 8 : 4;
      if (this.#rest.length < head) return;
      const length = this.#rest.readUInt32BE(head - 4);
      if (this.#rest.length < head + length) return;
      if (this.#blocks > 0) {
        this.received.push(Buffer.from(this.#rest.subarray(head, head + length)));
        this.#blocks--;
      }
      this.#rest = this.#rest.subarray(head + length);
    }
  }
}

const KEEP_ALIVE = 0xffff_ffff;

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function purposeOf({ hub, user, bridge = true, monitor = false }: FrameSessionOptions) {
  return {
    kind: 'login',
    hubName: hub,
    userName: user,
    credential: { kind: 'anonymous' },
    wishes: {
      maxConnection: 1,
      useEncrypt: true,
      useCompress: false,
      halfConnection: false,
      qos: false,
      bridgeMode: bridge,
      monitorMode: monitor,
    },
    cascade: false,
    uniqueId: new Uint8Array(20),
    extensions: new Map(),
  } as const;
}
