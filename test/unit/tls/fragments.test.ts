/** Handshake messages and alerts, however records cut and join them, and how much of them is too much. */
import { describe, expect, test } from 'vitest';
import { RECORD_TYPES } from '../../../engine/crypto/records.ts';
import { FATAL, WARNING } from '../../../engine/tls-legacy/alerts.ts';
import { concat, number, vector } from '../../../engine/tls-legacy/bytes.ts';
import { MESSAGES, message } from '../../../engine/tls-legacy/hello.ts';
import { clientHelloBody, extension, NOTHING, PROTOCOLS, plainRecord, recut, v2HelloBody, v2Record } from './hand.ts';
import { CERTIFICATE, TlsLab } from './harness.ts';
import { clientAt, type Stage, serverAt, startClient, startServer } from './stages.ts';

const lab = new TlsLab(7);
const { handshake, alert } = RECORD_TYPES;

/** Bytes of all messages of a handshake. */
const MOST = 0x1_0000;

describe.each([1, 2, 3, 4, 5, 50, 1_000, Number.POSITIVE_INFINITY])('messages in records of %d bytes', (size) => {
  test.each(PROTOCOLS)('$name: a server opens', (protocol) => {
    const server = startServer(lab, protocol);
    const { hand } = server;
    server.tell(recut(hand.hello(), size));
    server.tell(recut(hand.exchange(), size), hand.change(), ...finishedIn(hand, size));
    expect([server.end.tls.failure, server.end.tls.open]).toEqual([undefined, true]);
    server.release();
  });

  test.each(PROTOCOLS)('$name: a client opens', (protocol) => {
    lab.clientSessions.clear();
    const client = startClient(lab, protocol);
    const { hand } = client;
    client.tell(recut(concat(hand.hello(), hand.certificate(), hand.done()), size));
    client.tell(hand.change(), ...finishedIn(hand, size));
    expect([client.end.tls.failure, client.end.tls.open]).toEqual([undefined, true]);
    client.release();
  });
});

/** Finished in protected records of `size` bytes. */
function finishedIn(hand: Stage['hand'], size: number): Uint8Array[] {
  const bytes = message(MESSAGES.finished, hand.finishedBody());
  hand.messages.push(bytes);
  const records: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += size) records.push(hand.record(handshake, bytes.subarray(at, at + size)));
  return records;
}

test('other records may come between the parts of a message', () => {
  const server = startServer(lab);
  const hello = server.hand.hello();
  const whole = hello.subarray(5);
  server.tell(plainRecord(handshake, whole.subarray(0, 10)), server.hand.alert(WARNING, 'no_certificate'));
  expect(server.tell(plainRecord(handshake, whole.subarray(10)))[0]).toMatchObject({ type: MESSAGES.serverHello });
  server.release();
});

test('wishes for a handshake are no part of the one that goes on, wherever they stand', () => {
  const client = startClient(lab, PROTOCOLS[2], { place: 'wishes' });
  const { hand } = client;
  const wish = message(MESSAGES.helloRequest, NOTHING);
  client.tell(
    recut(concat(plainRecord(handshake, wish), hand.hello(), plainRecord(handshake, wish), hand.certificate())),
  );
  client.tell(hand.say(MESSAGES.helloRequest, NOTHING), hand.done());
  client.tell(hand.change(), hand.say(MESSAGES.helloRequest, NOTHING), hand.finished());
  expect([client.end.tls.failure, client.end.tls.open]).toEqual([undefined, true]);
  client.release();
});

test('an empty record of a handshake', () => {
  for (const type of [handshake, alert]) {
    for (const at of ['hello', 'exchange', 'change', 'finished', 'resumed finished'] as const) {
      const server = serverAt(lab, at);
      server.refuses('unexpected_message', server.hand.record(type, NOTHING));
    }
    for (const at of ['hello', 'certificate', 'done', 'change', 'finished', 'resumed finished'] as const) {
      const client = clientAt(lab, at);
      client.refuses('unexpected_message', client.hand.record(type, NOTHING));
    }
    // In the middle of a message too, and among others in one delivery.
    const server = startServer(lab);
    server.refuses('unexpected_message', plainRecord(handshake, Uint8Array.of(1, 0)), plainRecord(type, NOTHING));
    const again = startServer(lab);
    again.refuses('unexpected_message', concat(plainRecord(type, NOTHING), again.hand.hello()));
  }
});

describe('more than a handshake may have', () => {
  test('one message, by its length alone', () => {
    for (const length of [MOST + 1, 0x10_0000, 0xff_ffff]) {
      const header = concat(number(MESSAGES.clientHello, 1), number(length, 3));
      const server = startServer(lab);
      server.refuses('decode_error', plainRecord(handshake, header));
      const client = startClient(lab);
      client.refuses('decode_error', plainRecord(handshake, header));
      const later = serverAt(lab, 'open');
      later.refuses('decode_error', later.hand.record(handshake, header));
    }
  });

  test('the longest ClientHello, and one byte more', () => {
    const helloOf = (length: number): Uint8Array => {
      const least = clientHelloBody({ extensions: vector(2, extension(5, NOTHING)) }).length;
      return clientHelloBody({ extensions: vector(2, extension(5, new Uint8Array(length - least))) });
    };
    // The server's own messages count too.
    for (const [length, fits] of [
      [MOST - 1_100, true],
      [MOST - 4, false],
      [MOST, false],
    ] as const) {
      const server = startServer(lab);
      const records = recut(plainRecords(message(MESSAGES.clientHello, helloOf(length))), 10_000);
      if (!fits) server.refuses('decode_error', records);
      else {
        expect(server.tell(records)[0]).toMatchObject({ type: MESSAGES.serverHello });
        server.release();
      }
    }
  });

  test('many certificates', () => {
    for (const [count, fits] of [
      [70, true],
      [90, false],
    ] as const) {
      const client = clientAt(lab, 'certificate');
      const list = new Array<Uint8Array>(count).fill(CERTIFICATE);
      const bytes = message(MESSAGES.certificate, vector(3, ...list.map((each) => vector(3, each))));
      const records = recut(plainRecords(bytes), 16_384);
      if (!fits) client.refuses('decode_error', records);
      else {
        client.tell(records);
        expect(client.end.tls.chain).toHaveLength(count);
        client.release();
      }
    }
  });

  test('a message in tiny records costs no more than a long one', () => {
    const bytes = message(MESSAGES.clientHello, new Uint8Array(MOST - 100));
    const tiny = recut(plainRecords(bytes), 1);
    const server = startServer(lab);
    const before = performance.now();
    server.refuses('illegal_parameter', tiny);
    // Copied anew with each record it took a second and more.
    expect(performance.now() - before).toBeLessThan(700);
  });

  test('a ClientHello of SSL 2.0 in tiny pieces', () => {
    const hello = v2Record(v2HelloBody({ suites: new Array(1_350).fill(0x010080) }));
    const server = startServer(lab);
    for (const byte of hello.subarray(0, -1)) server.end.receive(Uint8Array.of(byte));
    server.refuses('handshake_failure', hello.subarray(-1));
  });
});

/** Records of 16 KiB at most. */
function plainRecords(bytes: Uint8Array): Uint8Array {
  const records: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += 0x4000)
    records.push(plainRecord(handshake, bytes.subarray(at, at + 0x4000)));
  return concat(...records);
}

describe.each(PROTOCOLS)('$name: alerts', (protocol) => {
  const made = (): Stage[] => [serverAt(lab, 'open', protocol), clientAt(lab, 'open', protocol)];
  const warning = Uint8Array.of(WARNING, 90);
  const goodbye = Uint8Array.of(WARNING, 0);

  test('two in one delivery, as two records and as one', () => {
    for (const join of [false, true]) {
      for (const stage of made()) {
        const { hand, end } = stage;
        const records = join ? [concat(warning, goodbye)] : [warning, goodbye];
        stage.tell(concat(...records.map((body) => hand.record(alert, body))));
        expect([end.tls.failure, end.tls.peerClosed]).toEqual([undefined, true]);
        stage.release();
      }
    }
  });

  test('one in two records, and a part that waits', () => {
    for (const stage of made()) {
      const { hand, end } = stage;
      stage.tell(hand.record(alert, goodbye.subarray(0, 1)), hand.data(Uint8Array.of(1)));
      expect([end.tls.failure, end.tls.open, end.data.length]).toEqual([undefined, true, 1]);
      stage.tell(hand.record(alert, goodbye.subarray(1)));
      expect([end.tls.failure, end.tls.peerClosed]).toEqual([undefined, true]);
      stage.release();
    }
  });

  test('what is behind the one that ends the connection is not heard', () => {
    for (const stage of made()) {
      const { hand, end } = stage;
      stage.tell(concat(hand.record(alert, concat(goodbye, Uint8Array.of(FATAL, 40))), hand.data(Uint8Array.of(1))));
      expect([end.tls.failure, end.tls.peerClosed, end.data.length]).toEqual([undefined, true, 0]);
      stage.release();
    }
  });

  test('empty records after the handshake are nothing', () => {
    for (const stage of made()) {
      const { hand, end } = stage;
      const records = [handshake, alert, handshake, RECORD_TYPES.data].map((type) => hand.record(type, NOTHING));
      stage.tell(concat(...records), hand.data(Uint8Array.of(1)));
      expect([end.tls.failure, end.data.length]).toEqual([undefined, 1]);
      stage.release();
    }
  });
});
