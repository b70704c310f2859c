/** A fault-injecting TCP middlebox in a host of the lab: started, changed while it runs, listened to. */
import { describeExit, type LabChild } from './child.ts';
import type { FaultChange } from './middlebox-faults.ts';
import type {
  ConnectionState,
  EndCommand,
  MiddleboxEvent,
  RelayConfig,
  StallCommand,
  Statistics,
} from './middlebox-relay.ts';
import type { LabHost } from './netns.ts';
import { toolCommand } from './tools.ts';

export type { Ending, FaultChange, Faults, Way } from './middlebox-faults.ts';
export type { Amounts } from './middlebox-pipe.ts';
export type {
  Cause,
  ConnectionState,
  EndCommand,
  MiddleboxEvent,
  StallCommand,
  Statistics,
} from './middlebox-relay.ts';

const ANSWER_TIMEOUT_MS = 5000;

export interface MiddleboxOptions extends RelayConfig {
  /**
   * The kernel's buffers of every TCP socket in the host, in bytes: with a limited rate they are the queue in front of
   * the bottleneck. Default: the kernel's own, which grow to megabytes.
   */
  readonly bufferBytes?: number;
  readonly onEvent?: (event: MiddleboxEvent) => void;
}

type OfType<T extends MiddleboxEvent['type']> = Extract<MiddleboxEvent, { readonly type: T }>;
interface Answer {
  readonly command: number;
  readonly error?: string;
  readonly statistics?: Statistics;
}

/** A running middlebox. Each command has taken effect when its promise resolves. */
export class Middlebox {
  readonly host: LabHost;
  readonly child: LabChild;
  /** All events so far. */
  readonly events: MiddleboxEvent[] = [];
  #port = 0;
  #commands = 0;
  #waiting = new Map<number, (answer: Answer) => void>();
  #watchers = new Set<() => void>();
  #last: Statistics | undefined;

  private constructor(host: LabHost, child: LabChild, onEvent?: (event: MiddleboxEvent) => void) {
    this.host = host;
    this.child = child;
    child.onLine((line) => this.#take(line, onEvent));
    void child.exited.then(() => {
      for (const settle of this.#watchers) settle();
    });
  }

  /** Starts one in `host`, on Node, and waits until it listens. @throws Error when it cannot, with what it said. */
  static async start(host: LabHost, options: MiddleboxOptions): Promise<Middlebox> {
    const { bufferBytes, onEvent, ...config } = options;
    if (bufferBytes !== undefined) {
      const sizes = `${Math.min(4096, bufferBytes)} ${bufferBytes} ${bufferBytes}`;
      for (const name of ['tcp_rmem', 'tcp_wmem']) await host.sysctl(`net/ipv4/${name}`, sizes);
    }
    const command = toolCommand('middlebox-main.js', [JSON.stringify(config)], 'node');
    const child = await host.spawn(command, { interactive: true });
    const box = new Middlebox(host, child, onEvent);
    try {
      box.#port = (await box.waitFor('listening')).port;
    } catch (error) {
      await child.stop();
      throw error;
    }
    return box;
  }

  get port(): number {
    return this.#port;
  }

  /** Changes the lasting faults: what is named is replaced, null takes it away, the rest stays. */
  async set(faults: FaultChange): Promise<void> {
    await this.#ask({ do: 'set', faults });
  }

  /** Stalls one direction, or both, of one connection or of all that are open. */
  async stall(command: StallCommand): Promise<void> {
    await this.#ask({ do: 'stall', ...command });
  }

  /** Drops to zero for a while: what is open stalls, what comes anew hangs. */
  async blackout(ms: number): Promise<void> {
    await this.#ask({ do: 'blackout', ms });
  }

  /** Ends one connection, or all that are open, now. */
  async end(command: EndCommand = {}): Promise<void> {
    await this.#ask({ do: 'end', ...command });
  }

  async statistics(): Promise<Statistics> {
    return (await this.#ask({ do: 'statistics' })).statistics!;
  }

  /** The open connections. */
  async connections(): Promise<readonly ConnectionState[]> {
    return (await this.statistics()).open;
  }

  /** The events of one type so far. */
  eventsOf<T extends MiddleboxEvent['type']>(type: T): OfType<T>[] {
    return this.events.filter((event): event is OfType<T> => event.type === type);
  }

  /** The first event of that type, past or future, for which `test` holds. @throws Error after `timeoutMs`. */
  async waitFor<T extends MiddleboxEvent['type']>(
    type: T,
    test: (event: OfType<T>) => boolean = () => true,
    timeoutMs = 10_000,
  ): Promise<OfType<T>> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const event = this.eventsOf(type).find(test);
      if (event !== undefined) return event;
      const left = deadline - Date.now();
      if (left <= 0) throw this.#failure(`no such event "${type}" within ${timeoutMs} ms`);
      this.#assertRunning();
      await new Promise<void>((resolve) => {
        const settle = (): void => {
          clearTimeout(timer);
          this.#watchers.delete(settle);
          resolve();
        };
        const timer = setTimeout(settle, left);
        this.#watchers.add(settle);
      });
    }
  }

  /** Resets every connection and ends it. Returns its last statistics, whose `open` is empty. May be called again. */
  async stop(): Promise<Statistics> {
    await this.child.stop();
    if (this.#last === undefined) throw this.#failure('left no statistics');
    return this.#last;
  }

  async #ask(command: object): Promise<Answer> {
    this.#assertRunning();
    this.#commands += 1;
    const number = this.#commands;
    let timer: NodeJS.Timeout | undefined;
    const answer = await new Promise<Answer | undefined>((resolve) => {
      this.#waiting.set(number, resolve);
      timer = setTimeout(() => resolve(undefined), ANSWER_TIMEOUT_MS);
      this.child.write(`${JSON.stringify({ command: number, ...command })}\n`);
    });
    clearTimeout(timer);
    this.#waiting.delete(number);
    if (answer === undefined) throw this.#failure(`no answer to ${JSON.stringify(command)}`);
    if (answer.error !== undefined) throw new Error(`middlebox: ${answer.error}`);
    return answer;
  }

  #take(line: string, onEvent?: (event: MiddleboxEvent) => void): void {
    if (!line.startsWith('{')) return;
    const message = JSON.parse(line) as
      | MiddleboxEvent
      | ({ readonly type: 'answer' } & Answer)
      | ({ readonly type: 'statistics' } & Statistics)
      | { readonly type: 'error' };
    if (message.type === 'answer') this.#waiting.get(message.command)?.(message);
    else if (message.type === 'statistics') this.#last = message;
    else if (message.type !== 'error') {
      this.events.push(message);
      onEvent?.(message);
      for (const settle of [...this.#watchers]) settle();
    }
  }

  #assertRunning(): void {
    const end = this.child.status;
    if (end !== undefined) throw this.#failure(`ended, ${describeExit(end)}`);
  }

  #failure(what: string): Error {
    return new Error(`${this.host.role}: the middlebox ${what}\n${this.child.outputTail()}`);
  }
}
