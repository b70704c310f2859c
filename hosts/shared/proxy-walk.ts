import { CLOSED, type ProxyFailure, type ProxyHandshake } from '../../engine/proxy/handshake.ts';
import type { PlainWire, WireEvents } from './channel.ts';

/** What comes of the handshake with a proxy. */
export interface ProxyWalkOwner {
  /** The way is open. @param remainder What belongs to the target already; a copy. */
  through(remainder: Uint8Array): void;
  refused(failure: ProxyFailure): void;
  /** @param error What the runtime said. */
  lost(error: unknown): void;
}

/** Carries the bytes of a handshake with a proxy. */
export class ProxyWalk implements WireEvents {
  readonly #plain: PlainWire;
  readonly #handshake: ProxyHandshake;
  readonly #owner: ProxyWalkOwner;
  #output: Uint8Array = new Uint8Array(0);
  #over = false;

  constructor(plain: PlainWire, handshake: ProxyHandshake, owner: ProxyWalkOwner) {
    this.#plain = plain;
    this.#handshake = handshake;
    this.#owner = owner;
    plain.events = this;
    this.#send(handshake.start());
  }

  received(bytes: Uint8Array): void {
    if (this.#over) return;
    const step = this.#handshake.handleBytes(bytes);
    if (step.state === 'going') return this.#send(step.send);
    this.#over = true;
    if (step.state === 'open') this.#owner.through(step.remainder.slice());
    else this.#owner.refused(step.failure);
  }

  drained(): void {
    this.#send(new Uint8Array(0));
  }

  peerEnded(): void {
    if (this.#over) return;
    this.#over = true;
    this.#owner.refused(CLOSED);
  }

  ended(error: unknown): void {
    if (this.#over) return;
    this.#over = true;
    if (error === undefined || error === null) this.#owner.refused(CLOSED);
    else this.#owner.lost(error);
  }

  #send(bytes: Uint8Array): void {
    this.#output = this.#output.length === 0 ? bytes : Buffer.concat([this.#output, bytes]);
    if (this.#output.length === 0 || this.#plain.busy) return;
    this.#output = this.#output.subarray(this.#plain.write(this.#output));
  }
}
