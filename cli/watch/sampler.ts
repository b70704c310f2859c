/** Asks the nodes again and again, each over one connection that stays open. */

import { type ControlClient, controlClient } from '../control-client.ts';
import { findSockets } from '../control-paths.ts';
import type { NodeAnswer } from '../control-protocol.ts';
import { Failure } from '../failure.ts';
import type { Io } from '../io.ts';
import { nodeKeys, type Sample } from './view.ts';

type Answer = Omit<Sample, 'key'>;

export interface SamplerRequest {
  readonly io: Io;
  /** Only nodes of this name. */
  readonly name?: string;
  /** Only the node there. */
  readonly socket?: string;
}

export class Sampler {
  readonly #request: SamplerRequest;
  readonly #clients = new Map<string, ControlClient>();

  constructor(request: SamplerRequest) {
    this.#request = request;
  }

  /** Nodes that do not answer are left out, those that are new are found. */
  async sample(): Promise<readonly Sample[]> {
    const sockets = await this.#find();
    for (const [socket, client] of this.#clients) {
      if (sockets.includes(socket)) continue;
      client.close();
      this.#clients.delete(socket);
    }
    const answers = (await Promise.all(sockets.map((socket) => this.#ask(socket)))).flatMap((found) => found ?? []);
    const keys = nodeKeys(answers.map(({ answer }) => answer));
    return answers.map((found, index) => ({ ...found, key: keys[index]! }));
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }

  async #find(): Promise<readonly string[]> {
    const { io, name, socket } = this.#request;
    if (socket !== undefined) return [socket];
    const found = await findSockets(io, (path) => this.#clients.has(path));
    return found.filter((node) => name === undefined || node.name === name).map(({ path }) => path);
  }

  async #ask(socket: string): Promise<Answer | undefined> {
    const kept = this.#clients.has(socket);
    try {
      return await this.#askOnce(socket);
    } catch (thrown) {
      if (!(thrown instanceof Failure)) throw thrown;
      this.#clients.get(socket)?.close();
      this.#clients.delete(socket);
      // A node closes connections that were silent for long.
      return kept ? await this.#ask(socket) : undefined;
    }
  }

  async #askOnce(socket: string): Promise<Answer> {
    const client = this.#clients.get(socket) ?? controlClient(socket);
    this.#clients.set(socket, client);
    const answer: NodeAnswer = await client.status();
    return { at: performance.now(), date: Date.now(), answer };
  }
}
