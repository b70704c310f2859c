import type { ChannelHandler, Host, TcpStream } from '../host.ts';
import type { Latency } from './result.ts';
import { RoundTrips } from './round-trips.ts';
import { agrees, ECHO_ANSWER, ECHO_BYTES, encodeHeader, GREETING } from './wire.ts';

/** How often a round trip is measured, and how many of one run are at most: both parts of it together fit in memory. */
const EVERY_MS = 20;
const SAMPLES_MAX = 20_000;
/** Round trips under way. A path that holds more answers no further questions. */
const OUTSTANDING_MAX = 512;
/** Before the run: how long it is asked, and how long at most the answers are waited for. */
const IDLE_MS = 500;
const IDLE_WAIT_MS = 2_000;
/** How long the server may take to say that it has echoes. */
const ANSWER_MS = 2_000;
/** After the run: for answers that stand in a queue. */
const REST_MS = 2_000;

/**
 * Measures round trips on a connection of its own. A server that does not know echoes takes the connection for a download:
 * its first byte tells, and the connection is closed. Whatever goes wrong here the run does without.
 */
export class Probe implements ChannelHandler {
  /** The last one, milliseconds. */
  lastMs: number | undefined;
  readonly #host: Pick<Host, 'tcp' | 'clock'>;
  readonly #everyMs: number;
  /** Something changed: the run may go on. */
  readonly #changed: () => void;
  readonly #idle = new RoundTrips();
  readonly #load = new RoundTrips();
  /** When the questions under way left, the oldest first, and whether under load. */
  readonly #asked: { readonly at: number; readonly load: boolean }[] = [];
  readonly #ping = new Uint8Array(ECHO_BYTES);
  readonly #part = new Uint8Array(GREETING.length);
  #partLength = 0;
  /** Numbers of the next question, and of the next answer. */
  #question = 0;
  #answer = 0;
  #stream!: TcpStream;
  #state: 'opening' | 'greeting' | 'ready' | 'asking' | 'idle' | 'settling' | 'load' | 'over' = 'opening';
  #nextAt = Number.POSITIVE_INFINITY;
  #until = Number.POSITIVE_INFINITY;

  constructor(host: Pick<Host, 'tcp' | 'clock'>, spanMs: number, changed: () => void) {
    this.#host = host;
    this.#everyMs = Math.max(EVERY_MS, spanMs / SAMPLES_MAX);
    this.#changed = changed;
  }

  open(host: string, port: number, timeoutMs: number): void {
    this.#stream = this.#host.tcp.connect({ host, port, timeoutMs }, this);
  }

  /** Whether the run need not wait for it: it can be asked, or there is none. */
  get greeted(): boolean {
    return this.#state !== 'opening' && this.#state !== 'greeting';
  }

  /** Whether the run may begin. */
  get quiet(): boolean {
    return this.#state === 'load' || this.#state === 'over';
  }

  /** Whether all answers of the run are there, or not waited for any more. */
  get finished(): boolean {
    return this.#state === 'over' || (this.#nextAt === Number.POSITIVE_INFINITY && this.#asked.length === 0);
  }

  get working(): boolean {
    return this.#state !== 'over';
  }

  /** Undefined when the server has no echoes. */
  get latency(): Latency | undefined {
    const [idle, load] = [this.#idle.summary(), this.#load.summary()];
    if (idle === undefined && load === undefined) return undefined;
    return { ...(idle && { idle }), ...(load && { load }), unanswered: this.#asked.length };
  }

  /** Asks the server whether it has echoes, and then for round trips without load. */
  ask(id: bigint, spanMs: number): void {
    if (this.#state !== 'ready') return;
    this.#state = 'asking';
    this.#until = this.#host.clock.now() + ANSWER_MS;
    const header = encodeHeader('echo', id, spanMs);
    if (this.#stream.write(header) < header.length) this.abort();
  }

  /** The data flows. */
  startLoad(now: number): void {
    if (this.#state === 'load') this.#nextAt = now;
  }

  /** The data has stopped: nothing more is asked, and the answers under way are waited for. */
  stopLoad(now: number): void {
    this.#nextAt = Number.POSITIVE_INFINITY;
    if (this.#state === 'load') this.#until = now + REST_MS;
  }

  abort(): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#nextAt = Number.POSITIVE_INFINITY;
    this.#until = Number.POSITIVE_INFINITY;
    this.#stream.abort();
  }

  pollTimeout(): number {
    return Math.min(this.#nextAt, this.#until);
  }

  handleTimeout(now: number): void {
    if (now >= this.#nextAt) {
      this.#nextAt = now + this.#everyMs;
      this.#measure(now);
    }
    if (now < this.#until) return;
    this.#until = Number.POSITIVE_INFINITY;
    if (this.#state === 'idle') {
      this.#state = 'settling';
      this.#nextAt = Number.POSITIVE_INFINITY;
      this.#until = now + IDLE_WAIT_MS;
      this.#settle();
    } else if (this.#state === 'settling') {
      this.#toLoad();
    } else {
      // No answer to the first question, or not all of the last ones.
      this.#give();
    }
  }

  opened(): void {
    if (this.#state !== 'opening') return;
    this.#state = 'greeting';
    this.#until = this.#host.clock.now() + ANSWER_MS;
  }

  data(bytes: Uint8Array): void {
    if (this.#state === 'greeting') this.#expect(GREETING, bytes, () => this.#beReady());
    else if (this.#state === 'asking') this.#expect(ECHO_ANSWER, bytes, () => this.#beIdle());
    else if (this.#state === 'idle' || this.#state === 'settling' || this.#state === 'load') this.#readEchoes(bytes);
    else if (this.#state === 'ready') this.#give();
  }

  writable(): void {}

  closed(): void {
    this.#give();
  }

  #expect(expected: Uint8Array, bytes: Uint8Array, then: () => void): void {
    const rest = expected.subarray(this.#partLength);
    if (bytes.length > rest.length || !agrees(bytes, rest)) return this.#give();
    this.#partLength += bytes.length;
    if (this.#partLength < expected.length) return;
    this.#partLength = 0;
    this.#until = Number.POSITIVE_INFINITY;
    then();
  }

  #beReady(): void {
    this.#state = 'ready';
    this.#changed();
  }

  #beIdle(): void {
    const now = this.#host.clock.now();
    this.#state = 'idle';
    this.#nextAt = now;
    this.#until = now + IDLE_MS;
    this.#changed();
  }

  /** On to the run, when every answer without load has come. */
  #settle(): void {
    if (this.#state === 'settling' && this.#asked.length === 0) this.#toLoad();
  }

  #toLoad(): void {
    this.#state = 'load';
    this.#until = Number.POSITIVE_INFINITY;
    this.#changed();
  }

  #measure(now: number): void {
    if (this.#asked.length >= OUTSTANDING_MAX || !this.#stream.writable) return;
    const view = new DataView(this.#ping.buffer);
    view.setUint32(0, this.#question);
    view.setUint32(4, ~this.#question);
    // Half a question would put everything behind it out of step.
    if (this.#stream.write(this.#ping) < ECHO_BYTES) return this.#give();
    this.#question++;
    this.#asked.push({ at: now, load: this.#state === 'load' });
  }

  #readEchoes(bytes: Uint8Array): void {
    for (const byte of bytes) {
      this.#part[this.#partLength++] = byte;
      if (this.#partLength < ECHO_BYTES) continue;
      this.#partLength = 0;
      const view = new DataView(this.#part.buffer);
      const asked = this.#asked.shift();
      const right = view.getUint32(0) === this.#answer && view.getUint32(4) === ~this.#answer >>> 0;
      if (asked === undefined || !right) return this.#give();
      this.#answer++;
      this.lastMs = this.#host.clock.now() - asked.at;
      (asked.load ? this.#load : this.#idle).add(this.lastMs);
    }
    if (this.#asked.length > 0) return;
    this.#settle();
    if (this.#nextAt === Number.POSITIVE_INFINITY) this.#changed();
  }

  #give(): void {
    if (this.#state === 'over') return;
    this.abort();
    this.#changed();
  }
}
