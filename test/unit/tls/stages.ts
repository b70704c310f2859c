/** Handshakes that are halfway, and what has to happen when they go no further. */

import { expect } from 'vitest';
import { type AlertName, FATAL } from '../../../engine/tls-legacy/alerts.ts';
import type { TlsClientOptions } from '../../../engine/tls-legacy/client.ts';
import type { TlsServerOptions } from '../../../engine/tls-legacy/server.ts';
import { ClientHand, type Hand, NEWEST, type Protocol, plainRecord, ServerHand } from './hand.ts';
import { End, type TlsLab } from './harness.ts';

export const SERVER_STAGES = [
  'hello',
  'exchange',
  'change',
  'finished',
  'open',
  'resumed change',
  'resumed finished',
  'resumed open',
] as const;
export type ServerStage = (typeof SERVER_STAGES)[number];

export const CLIENT_STAGES = [
  'hello',
  'certificate',
  'done',
  'done, asked for a certificate',
  'change',
  'finished',
  'open',
  'resumed change',
  'resumed finished',
  'resumed open',
] as const;
export type ClientStage = (typeof CLIENT_STAGES)[number];

/** The end that is tested, and the hand that plays the other one. */
export class Stage<H extends Hand = Hand> {
  readonly lab: TlsLab;
  readonly end: End;
  readonly hand: H;

  constructor(lab: TlsLab, end: () => End, hand: () => H) {
    this.lab = lab;
    this.end = end();
    this.hand = hand();
  }

  /** Gives records to the end, and its answer to the hand. */
  tell(...records: readonly Uint8Array[]) {
    for (const record of records) this.end.receive(record);
    return this.listen();
  }

  listen() {
    return this.hand.hear(this.end.tls.takeOutput());
  }

  /** Tells it something that ends the connection. */
  refuses(name: AlertName, ...records: readonly Uint8Array[]): void {
    const delivered = this.end.received.length;
    const heard = this.tell(...records);
    expect(this.end.tls.failure).toMatchObject({ code: name });
    // Its flight may be in front of it.
    expect(heard.filter(({ kind }) => kind === 'alert')).toEqual([{ kind: 'alert', level: FATAL, name }]);
    expect(heard.at(-1)).toEqual({ kind: 'alert', level: FATAL, name });
    expect(this.end.received.length).toBe(delivered);
    this.isOver();
  }

  /** It has ended without a word. */
  endsSilently(code: string, ...records: readonly Uint8Array[]): void {
    expect(this.tell(...records)).toEqual([]);
    expect(this.end.tls.failure?.code).toBe(code);
    this.isOver();
  }

  /** Nothing changes a connection that has ended, and it gives back what it had. */
  isOver(): void {
    const { end, hand } = this;
    const { tls } = end;
    const before = { failure: tls.failure, received: end.received.length, security: tls.security };
    expect(tls.open).toBe(false);
    for (const type of [20, 21, 22, 23, 24]) {
      end.receive(hand.record(type, Uint8Array.of(1)));
      end.receive(plainRecord(type, Uint8Array.of(2, 0)));
    }
    end.receive(new Uint8Array(1_000).fill(0xee));
    tls.handleEnd();
    tls.close();
    expect(tls.takeOutput()).toBeUndefined();
    expect({ failure: tls.failure, received: end.received.length, security: tls.security }).toEqual(before);
    expect(tls.failure).toBe(before.failure);
    this.release();
  }

  release(): void {
    const free = this.lab.crypto.slotsFree;
    this.end.tls.release();
    this.end.tls.release();
    expect(this.lab.crypto.slotsFree).toBe(free + 2);
    this.hand.release();
  }
}

export function startServer(
  lab: TlsLab,
  protocol: Protocol = NEWEST,
  options: Partial<TlsServerOptions> = {},
): Stage<ClientHand> {
  return new Stage(
    lab,
    () => new End(lab.server(options)),
    () => new ClientHand(lab, protocol),
  );
}

/** A server's end up to where it waits for what the stage is named after. */
export function serverAt(
  lab: TlsLab,
  stage: ServerStage,
  protocol: Protocol = NEWEST,
  options: Partial<TlsServerOptions> = {},
): Stage<ClientHand> {
  const made = startServer(lab, protocol, options);
  const { hand } = made;
  const resumed = stage.startsWith('resumed');
  if (resumed) Object.assign(hand, sessionOfServer(lab, protocol));
  const steps: (() => Uint8Array)[] = [
    () => hand.hello(),
    ...(resumed ? [] : [() => hand.exchange()]),
    () => hand.change(),
    () => hand.finished(),
  ];
  const names = resumed ? ['', 'resumed change', 'resumed finished', 'resumed open'] : SERVER_STAGES;
  for (const step of steps.slice(0, names.indexOf(stage))) made.tell(step());
  expect([made.end.tls.failure, made.end.tls.resumed]).toEqual([undefined, resumed]);
  expect(made.end.tls.security !== undefined).toBe(stage.endsWith('open'));
  return made;
}

/** A session that the server knows. */
function sessionOfServer(lab: TlsLab, protocol: Protocol): Pick<Hand, 'sessionId' | 'master'> {
  const made = serverAt(lab, 'open', protocol);
  const { sessionId, master } = made.hand;
  made.release();
  return { sessionId, master };
}

export function startClient(
  lab: TlsLab,
  { version, suite }: Protocol = NEWEST,
  options: Partial<TlsClientOptions> = {},
): Stage<ServerHand> {
  const stage = new Stage(
    lab,
    () =>
      new End(
        lab.client({
          ...{ suites: [suite], minimum: version, maximum: version, place: `${version} ${suite.name}` },
          ...options,
        }),
      ),
    () => new ServerHand(lab, { version, suite }),
  );
  stage.listen();
  return stage;
}

/** A client's end up to where it waits for what the stage is named after. */
export function clientAt(
  lab: TlsLab,
  stage: ClientStage,
  protocol: Protocol = NEWEST,
  options: Partial<TlsClientOptions> = {},
): Stage<ServerHand> {
  const resumed = stage.startsWith('resumed');
  lab.clientSessions.clear();
  const master = resumed ? sessionOfClient(lab, protocol, options) : undefined;
  const made = startClient(lab, protocol, options);
  const { hand } = made;
  hand.master = master;
  const asked = stage === 'done, asked for a certificate';
  const steps: (() => Uint8Array)[] = [
    () => hand.hello(),
    ...(resumed ? [] : [() => hand.certificate(), () => (asked ? hand.request() : hand.done())]),
    () => hand.change(),
    () => hand.finished(),
  ];
  const names = resumed
    ? ['', 'resumed change', 'resumed finished', 'resumed open']
    : ['hello', 'certificate', 'done', asked ? stage : 'change', 'finished', 'open'];
  for (const step of steps.slice(0, names.indexOf(stage))) made.tell(step());
  expect([made.end.tls.failure, made.end.tls.resumed]).toEqual([undefined, resumed]);
  expect(made.end.tls.security !== undefined).toBe(stage.endsWith('open'));
  return made;
}

/** The secret of a session that the client knows. */
function sessionOfClient(lab: TlsLab, protocol: Protocol, options: Partial<TlsClientOptions>): Uint8Array | undefined {
  const made = clientAt(lab, 'open', protocol, options);
  made.release();
  return made.hand.master;
}
