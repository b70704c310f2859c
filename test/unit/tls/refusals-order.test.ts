/** What comes too early, too late, twice or never, on both sides. */
import { describe, expect, test } from 'vitest';
import { RECORD_TYPES } from '../../../engine/crypto/records.ts';
import { type AlertName, WARNING } from '../../../engine/tls-legacy/alerts.ts';
import { concat, number, vector } from '../../../engine/tls-legacy/bytes.ts';
import { MESSAGES } from '../../../engine/tls-legacy/hello.ts';
import { SSL3 } from '../../../engine/tls-legacy/suites.ts';
import { clientHelloBody, type Hand, NOTHING, PROTOCOLS } from './hand.ts';
import { CERTIFICATE, TlsLab } from './harness.ts';
import {
  CLIENT_STAGES,
  type ClientStage,
  clientAt,
  SERVER_STAGES,
  type ServerStage,
  type Stage,
  serverAt,
} from './stages.ts';

const lab = new TlsLab(5);

/** Every message as it would be right somewhere, one that nobody knows, and the other records. */
const SAYINGS: Readonly<Record<string, (hand: Hand) => Uint8Array>> = {
  HelloRequest: (hand) => hand.say(MESSAGES.helloRequest, NOTHING),
  ClientHello: (hand) => hand.say(MESSAGES.clientHello, clientHelloBody()),
  ServerHello: (hand) =>
    hand.say(
      MESSAGES.serverHello,
      concat(number(hand.version, 2), new Uint8Array(33), number(hand.suite.id, 2), Uint8Array.of(0)),
    ),
  Certificate: (hand) => hand.say(MESSAGES.certificate, vector(3, vector(3, CERTIFICATE))),
  ServerKeyExchange: (hand) => hand.say(MESSAGES.serverKeyExchange, new Uint8Array(100)),
  CertificateRequest: (hand) => hand.say(MESSAGES.certificateRequest, Uint8Array.of(1, 1, 0, 2, 4, 1, 0, 0)),
  ServerHelloDone: (hand) => hand.say(MESSAGES.serverHelloDone, NOTHING),
  CertificateVerify: (hand) => hand.say(MESSAGES.certificateVerify, new Uint8Array(258)),
  ClientKeyExchange: (hand) => hand.say(MESSAGES.clientKeyExchange, vector(2, new Uint8Array(256))),
  Finished: (hand) => hand.say(MESSAGES.finished, hand.master ? hand.finishedBody() : new Uint8Array(12)),
  'message 99': (hand) => hand.say(99, NOTHING),
  'message 255': (hand) => hand.say(255, new Uint8Array(10)),
  ChangeCipherSpec: (hand) => hand.record(RECORD_TYPES.changeCipherSpec, Uint8Array.of(1)),
  data: (hand) => hand.data(Uint8Array.of(1, 2, 3)),
  'empty data': (hand) => hand.data(NOTHING),
};

/** What does not end the connection at this stage. */
const ALLOWED_OF_SERVER: Readonly<Record<ServerStage, readonly string[]>> = {
  hello: ['ClientHello'],
  exchange: ['ClientKeyExchange'],
  change: ['ChangeCipherSpec'],
  finished: ['Finished'],
  open: ['ClientHello', 'data', 'empty data'],
  'resumed change': ['ChangeCipherSpec'],
  'resumed finished': ['Finished'],
  'resumed open': ['ClientHello', 'data', 'empty data'],
};
const ALLOWED_OF_CLIENT: Readonly<Record<ClientStage, readonly string[]>> = {
  hello: ['HelloRequest', 'ServerHello'],
  certificate: ['HelloRequest', 'Certificate'],
  done: ['HelloRequest', 'CertificateRequest', 'ServerHelloDone'],
  'done, asked for a certificate': ['HelloRequest', 'ServerHelloDone'],
  change: ['HelloRequest', 'ChangeCipherSpec'],
  finished: ['HelloRequest', 'Finished'],
  open: ['HelloRequest', 'data', 'empty data'],
  'resumed change': ['HelloRequest', 'ChangeCipherSpec'],
  'resumed finished': ['HelloRequest', 'Finished'],
  'resumed open': ['HelloRequest', 'data', 'empty data'],
};

/** @param fatal What ends it in another way than by unexpected_message. */
function tryAll(make: () => Stage, allowed: readonly string[], fatal: Readonly<Record<string, AlertName>> = {}): void {
  for (const [name, say] of Object.entries(SAYINGS)) {
    const stage = make();
    const record = say(stage.hand);
    if (name in fatal) stage.refuses(fatal[name]!, record);
    else if (!allowed.includes(name)) stage.refuses('unexpected_message', record);
    else {
      stage.end.receive(record);
      expect([name, stage.end.tls.failure]).toEqual([name, undefined]);
      stage.release();
    }
  }
}

describe.each(PROTOCOLS)('$name: every message at every stage', (protocol) => {
  test.each(SERVER_STAGES)('a server at %s', (at) => {
    // SSL 3.0 has no way to decline.
    const declines = protocol.version === SSL3 && at.endsWith('open');
    tryAll(
      () => serverAt(lab, at, protocol),
      ALLOWED_OF_SERVER[at],
      declines ? { ClientHello: 'handshake_failure' } : {},
    );
  });

  test.each(CLIENT_STAGES)('a client at %s', (at) => {
    tryAll(() => clientAt(lab, at, protocol), ALLOWED_OF_CLIENT[at]);
  });
});

describe('ChangeCipherSpec', () => {
  const { changeCipherSpec, handshake } = RECORD_TYPES;

  test.each([[[]], [[0]], [[2]], [[1, 1]], [[1, 0]]])('with the content %j', (content) => {
    for (const at of ['change', 'resumed change'] as const) {
      const server = serverAt(lab, at);
      server.refuses('unexpected_message', server.hand.record(changeCipherSpec, Uint8Array.from(content)));
      const client = clientAt(lab, at);
      client.refuses('unexpected_message', client.hand.record(changeCipherSpec, Uint8Array.from(content)));
    }
  });

  test.each(PROTOCOLS)('$name: a second one, protected', (protocol) => {
    for (const at of ['finished', 'open', 'resumed finished', 'resumed open'] as const) {
      for (const stage of [serverAt(lab, at, protocol), clientAt(lab, at, protocol)]) {
        stage.refuses('unexpected_message', stage.hand.record(changeCipherSpec, Uint8Array.of(1)));
      }
    }
  });

  test('in the middle of a message', () => {
    for (const at of ['change', 'resumed change'] as const) {
      for (const stage of [serverAt(lab, at), clientAt(lab, at)]) {
        // The beginning of a Finished message.
        const part = stage.hand.record(handshake, Uint8Array.of(MESSAGES.finished, 0, 0, 12, 1, 2));
        stage.refuses('unexpected_message', part, stage.hand.change());
      }
    }
  });

  test('in the middle of an alert', () => {
    for (const stage of [serverAt(lab, 'change'), clientAt(lab, 'change')]) {
      stage.refuses(
        'unexpected_message',
        stage.hand.record(RECORD_TYPES.alert, Uint8Array.of(WARNING)),
        stage.hand.change(),
      );
    }
  });

  test('with Finished in clear behind the message before it', () => {
    const server = serverAt(lab, 'exchange');
    const both = concat(server.hand.exchange(), server.hand.say(MESSAGES.finished, server.hand.finishedBody()));
    server.refuses('unexpected_message', both);
  });
});

describe('data', () => {
  test.each(PROTOCOLS)('$name: in front of Finished, behind it, and with it', (protocol) => {
    for (const at of ['finished', 'resumed finished'] as const) {
      for (const make of [() => serverAt(lab, at, protocol), () => clientAt(lab, at, protocol)]) {
        const early = make();
        early.refuses('unexpected_message', concat(early.hand.data(Uint8Array.of(9)), early.hand.finished()));
        const right = make();
        const { hand, end } = right;
        const all = [hand.finished(), hand.data(Uint8Array.of(1)), hand.data(NOTHING), hand.data(Uint8Array.of(2, 3))];
        right.tell(concat(...all));
        expect(end.tls.failure).toBeUndefined();
        expect(end.data.equals(Uint8Array.of(1, 2, 3))).toBe(true);
        right.release();
      }
    }
  });

  test('of a server in front of the client’s Finished, when a session is resumed', () => {
    // Ours are the first Finished then: whoever sends data behind it must not be believed before its own has come.
    const server = serverAt(lab, 'resumed change');
    server.refuses('unexpected_message', server.hand.change(), server.hand.data(Uint8Array.of(1)));
  });
});

describe('Finished', () => {
  test.each(PROTOCOLS)('$name: any byte wrong, too short, too long, of the wrong side', (protocol) => {
    for (const at of ['finished', 'resumed finished'] as const) {
      for (const make of [() => serverAt(lab, at, protocol), () => clientAt(lab, at, protocol)]) {
        const bodies = (hand: Hand): Uint8Array[] => {
          const right = hand.finishedBody();
          return [
            ...Array.from(right, (_, i) => right.map((byte, k) => (k === i ? byte ^ (1 << (i & 7)) : byte))),
            right.subarray(1),
            right.subarray(0, -1),
            concat(right, Uint8Array.of(0)),
            NOTHING,
            new Uint8Array(right.length),
            hand.finishedBody(hand.peer),
          ];
        };
        const count = finishedBytes(protocol.version) + 6;
        // Every byte where it is cheap, some where a key has to be exchanged each time.
        for (let i = 0; i < count; i += at === 'finished' && i < count - 7 ? 5 : 1) {
          const stage = make();
          stage.refuses('decrypt_error', stage.hand.say(MESSAGES.finished, bodies(stage.hand)[i]!));
        }
      }
    }
  });

  test.each(PROTOCOLS)('$name: under keys of another connection', (protocol) => {
    for (const make of [() => serverAt(lab, 'change', protocol), () => clientAt(lab, 'change', protocol)]) {
      const stage = make();
      const { hand } = stage;
      const finished = hand.finishedBody();
      const change = hand.record(RECORD_TYPES.changeCipherSpec, Uint8Array.of(1));
      hand.master = hand.master!.map((byte) => byte ^ 1);
      hand.protect();
      stage.refuses('bad_record_mac', change, hand.say(MESSAGES.finished, finished));
    }
  });
});

/** Bytes of a Finished message. */
function finishedBytes(version: number): number {
  return version === SSL3 ? 36 : 12;
}
