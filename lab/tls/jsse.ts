/** The JDK's TLS as a peer: `JssePeer.java`, compiled and run. */
import { join } from 'node:path';
import { describeExit, type LabChild, run } from '../child.ts';
import { projectRoot } from '../runtime.ts';
import type { TlsWorkshop } from './workshop.ts';

/** What a peer does; the fields are the words of `JssePeer.java`. */
export interface JsseOptions {
  /** SSLv2Hello, SSLv3, TLSv1, TLSv1.1, TLSv1.2. */
  readonly versions: readonly string[];
  /** OpenSSL's names. */
  readonly suites: readonly string[];
  /** Bytes from the client to the server on each connection, and back. */
  readonly up: number;
  readonly down: number;
  /** One after the other. Default 1. */
  readonly connections?: number;
  /** After so long it ends by itself, whatever happened. Default 120. */
  readonly timeoutSeconds?: number;
}

/** What it says of a connection. */
export interface JsseConnection {
  readonly connection: number;
  readonly ok: boolean;
  readonly protocol?: string;
  readonly suite?: string;
  readonly resumed?: boolean;
  readonly received?: number;
  readonly error?: string;
}

const PASSWORD = 'secret';
/** Leaves nothing in /tmp/hsperfdata_*, and has no more threads than such a small program can use. */
const JAVA = ['java', '-XX:-UsePerfData', '-XX:+UseSerialGC', '-Xmx128m'];

export class Jsse {
  readonly #workshop: TlsWorkshop;
  readonly #classes: string;
  readonly #store: string;

  private constructor(workshop: TlsWorkshop) {
    this.#workshop = workshop;
    this.#classes = workshop.newPath('classes');
    this.#store = workshop.newPath('store.p12');
  }

  /** Compiles it; the classes live as long as the workshop. */
  static async prepare(workshop: TlsWorkshop): Promise<Jsse> {
    const jsse = new Jsse(workshop);
    const source = join(projectRoot, 'lab', 'tls', 'JssePeer.java');
    const { certificate, key } = workshop;
    const pack = ['openssl', 'pkcs12', '-export', '-in', certificate, '-inkey', key, '-out', jsse.#store];
    await Promise.all([
      run(['javac', '-d', jsse.#classes, source], { timeoutMs: 120_000 }),
      run([...pack, '-passout', 'env:JSSE_PASSWORD'], { env: { JSSE_PASSWORD: PASSWORD } }),
    ]);
    return jsse;
  }

  async serve(options: JsseOptions): Promise<{ readonly peer: JssePeer; readonly port: number }> {
    const child = await this.#start(['role=server', `cert=${this.#store}`], options);
    const [, port] = await child.waitForLine(/^\{"listening":(\d+)\}$/, 60_000);
    return { peer: new JssePeer(child), port: Number(port) };
  }

  async connect(port: number, options: JsseOptions): Promise<JssePeer> {
    return new JssePeer(await this.#start(['role=client', `port=${port}`], options));
  }

  async #start(words: readonly string[], options: JsseOptions): Promise<LabChild> {
    const { versions, suites, up, down, connections = 1, timeoutSeconds = 120 } = options;
    // What is over at once is not worth the better compiler.
    const compiler = up + down < 1_000_000 ? ['-XX:TieredStopAtLevel=1'] : [];
    const command = [...JAVA, ...compiler, '-cp', this.#classes, 'JssePeer', ...words];
    command.push(`version=${versions.join(',')}`, `suite=${suites.join(',')}`, `up=${up}`, `down=${down}`);
    command.push(`connections=${connections}`, `timeout=${timeoutSeconds}`);
    return await this.#workshop.start(command, { env: { JSSE_PASSWORD: PASSWORD } });
  }
}

export class JssePeer {
  readonly #child: LabChild;

  constructor(child: LabChild) {
    this.#child = child;
  }

  /**
   * What became of each connection, after the last of them.
   * @throws Error when it did not get that far.
   */
  async finish(): Promise<JsseConnection[]> {
    const end = await this.#child.exited;
    if (end.code !== 0 && end.code !== 1)
      throw new Error(`JssePeer: ${describeExit(end)}\n${this.#child.outputTail()}`);
    const lines = this.#child.stdout.split('\n').filter((line) => line.startsWith('{"connection":'));
    return lines.map((line) => JSON.parse(line) as JsseConnection);
  }
}
