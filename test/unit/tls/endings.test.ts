/** How connections end, or go on: warnings, wishes for another handshake, fatal alerts, close_notify. */
import { describe, expect, test } from 'vitest';
import { ALERTS, FATAL, WARNING } from '../../../engine/tls-legacy/alerts.ts';
import { concat } from '../../../engine/tls-legacy/bytes.ts';
import { MESSAGES } from '../../../engine/tls-legacy/hello.ts';
import { SSL3 } from '../../../engine/tls-legacy/suites.ts';
import { clientHelloBody, NOTHING, PROTOCOLS } from './hand.ts';
import { TlsLab } from './harness.ts';
import { CLIENT_STAGES, clientAt, SERVER_STAGES, type Stage, serverAt } from './stages.ts';

const lab = new TlsLab(8);
/** Nuisances that are borne. */
const PATIENCE = 4;

const STAGES: readonly [string, (protocol?: (typeof PROTOCOLS)[number]) => Stage][] = [
  ...SERVER_STAGES.map((at): (typeof STAGES)[number] => [`server at ${at}`, (protocol) => serverAt(lab, at, protocol)]),
  ...CLIENT_STAGES.map((at): (typeof STAGES)[number] => [`client at ${at}`, (protocol) => clientAt(lab, at, protocol)]),
];
const OPEN = STAGES.filter(([name]) => name.endsWith('open'));
const UNDERWAY = STAGES.filter(([name]) => !name.endsWith('open'));

/** Both ways. */
function stillWorks(stage: Stage): void {
  const { end, hand } = stage;
  const before = end.data.length;
  stage.tell(hand.data(Uint8Array.of(1, 2, 3)));
  expect(end.data.subarray(before).equals(Uint8Array.of(1, 2, 3))).toBe(true);
  expect(end.tls.open).toBe(true);
  const heard = hand.hear(end.tls.seal(Uint8Array.of(4, 5, 6)).records.slice());
  expect(Buffer.concat(heard.flatMap((each) => (each.kind === 'data' ? [each.data] : []))).toString('hex')).toBe(
    '040506',
  );
}

describe('warnings', () => {
  test.each(STAGES)('a %s bears some, and ends with one more', (_name, make) => {
    const stage = make();
    for (let i = 0; i < PATIENCE; i++) {
      expect(stage.tell(stage.hand.record(21, Uint8Array.of(WARNING, [41, 90, 100, 255][i % 4]!)))).toEqual([]);
      expect(stage.end.tls.failure).toBeUndefined();
    }
    stage.refuses('unexpected_message', stage.hand.record(21, Uint8Array.of(WARNING, 90)));
  });

  test.each(OPEN)('a %s goes on behind them', (_name, make) => {
    const stage = make();
    stage.tell(stage.hand.alert(WARNING, 'no_renegotiation'));
    stillWorks(stage);
    stage.release();
  });
});

describe.each(PROTOCOLS)('$name: wishes for another handshake', (protocol) => {
  const wishes = [
    ['server', () => serverAt(lab, 'open', protocol), MESSAGES.clientHello, clientHelloBody()],
    ['client', () => clientAt(lab, 'open', protocol), MESSAGES.helloRequest, NOTHING],
  ] as const;

  test.each(wishes)('a %s declines, and goes on', (side, make, type, body) => {
    const stage: Stage = make();
    if (protocol.version === SSL3 && side === 'server') {
      return stage.refuses('handshake_failure', stage.hand.say(type, body));
    }
    // SSL 3.0 has no word for it.
    const warning = { kind: 'alert', level: WARNING, name: 'no_renegotiation' };
    const decline = (): void => {
      expect(stage.tell(stage.hand.say(type, body))).toEqual(protocol.version === SSL3 ? [] : [warning]);
    };
    // As often as it likes, if it has something to say in between.
    for (let i = 0; i < 3 * PATIENCE; i++) {
      decline();
      stillWorks(stage);
    }
    for (let i = 0; i < PATIENCE; i++) decline();
    stage.refuses('unexpected_message', stage.hand.say(type, body));
  });

  test('one among data takes nothing from it', () => {
    for (const [side, make, type, body] of wishes) {
      if (protocol.version === SSL3 && side === 'server') continue;
      const stage: Stage = make();
      const { hand } = stage;
      stage.tell(concat(hand.data(Uint8Array.of(1)), hand.say(type, body), hand.data(Uint8Array.of(2))));
      expect([...stage.end.data]).toEqual([1, 2]);
      stage.release();
    }
  });
});

test.each([
  'hello',
  'certificate',
  'done',
  'change',
] as const)('a client at %s is not asked for a handshake without end', (at) => {
  const client = clientAt(lab, at);
  for (let i = 0; i < PATIENCE; i++) client.tell(client.hand.say(MESSAGES.helloRequest, NOTHING));
  expect(client.end.tls.failure).toBeUndefined();
  client.refuses('unexpected_message', client.hand.say(MESSAGES.helloRequest, NOTHING));
});

describe('a fatal alert', () => {
  test.each(STAGES)('ends a %s without an answer', (_name, make) => {
    for (const [name, code] of Object.entries(ALERTS)) {
      if (code === ALERTS.close_notify) continue;
      const stage = make();
      stage.endsSilently('handshake_failure', stage.hand.record(21, Uint8Array.of(FATAL, code)));
      expect(stage.end.tls.failure?.message).toBe(`it refuses: ${name}`);
    }
  });

  test('of any level that is no warning, and of any number', () => {
    for (const level of [0, 2, 3, 255]) {
      const stage = serverAt(lab, 'exchange');
      stage.endsSilently('handshake_failure', stage.hand.record(21, Uint8Array.of(level, 200)));
      expect(stage.end.tls.failure?.message).toBe('it refuses: alert 200');
    }
  });

  test.each(OPEN)('a %s delivers what came before it', (_name, make) => {
    const stage = make();
    const { hand, end } = stage;
    stage.tell(concat(hand.data(Uint8Array.of(1)), hand.alert(FATAL, 'internal_error'), hand.data(Uint8Array.of(2))));
    expect([[...end.data], end.tls.failure?.code]).toEqual([[1], 'handshake_failure']);
    stage.isOver();
  });
});

describe('close_notify', () => {
  test.each(UNDERWAY)('ends a %s', (_name, make) => {
    for (const level of [WARNING, FATAL]) {
      const stage = make();
      stage.endsSilently('closed', stage.hand.alert(level, 'close_notify'));
      expect(stage.end.tls.failure?.message).toBe('it closed the connection during the handshake');
      expect(stage.end.tls.peerClosed).toBe(true);
    }
  });

  test.each(OPEN)('a %s hears no more, and says so too', (_name, make) => {
    const stage = make();
    const { hand, end } = stage;
    stage.tell(concat(hand.data(Uint8Array.of(1)), hand.alert(WARNING, 'close_notify'), hand.data(Uint8Array.of(2))));
    expect([[...end.data], end.tls.peerClosed, end.tls.open]).toEqual([[1], true, false]);
    stage.tell(hand.data(Uint8Array.of(3)), new Uint8Array(50));
    expect([[...end.data], end.tls.failure]).toEqual([[1], undefined]);
    end.tls.handleEnd();
    end.tls.close();
    end.tls.close();
    expect(stage.listen()).toEqual([{ kind: 'alert', level: WARNING, name: 'close_notify' }]);
    expect(end.tls.failure).toBeUndefined();
    stage.release();
  });

  test.each(OPEN)('of our own: a %s says nothing after it, and still hears', (_name, make) => {
    const stage = make();
    const { hand, end } = stage;
    end.tls.close();
    expect(stage.listen()).toEqual([{ kind: 'alert', level: WARNING, name: 'close_notify' }]);
    expect(end.tls.open).toBe(false);
    expect(stage.tell(hand.data(Uint8Array.of(1)), hand.say(MESSAGES.helloRequest, NOTHING))).toEqual([]);
    expect([...end.data]).toEqual([1]);
    stage.tell(new Uint8Array(50));
    expect(end.tls.failure?.code).toMatch(/unexpected_message|bad_record_mac/);
    expect(stage.listen()).toEqual([]);
    stage.release();
  });

  test.each(UNDERWAY)('of our own: a %s goes no further', (_name, make) => {
    const stage = make();
    const { hand, end } = stage;
    end.tls.close();
    expect(stage.listen().at(-1)).toEqual({ kind: 'alert', level: WARNING, name: 'close_notify' });
    const further = [hand.say(MESSAGES.clientHello, clientHelloBody()), hand.say(MESSAGES.serverHelloDone, NOTHING)];
    expect(stage.tell(...further, new Uint8Array(50))).toEqual([]);
    expect([end.tls.security, end.tls.open]).toEqual([undefined, false]);
    end.tls.handleEnd();
    expect(end.tls.failure?.code).toBe('closed');
    stage.isOver();
  });
});

describe('the end of the TCP connection', () => {
  test.each(UNDERWAY)('ends a %s', (_name, make) => {
    const stage = make();
    stage.end.tls.handleEnd();
    expect(stage.listen()).toEqual([]);
    expect(stage.end.tls.failure).toEqual({
      code: 'closed',
      message: 'it closed the connection during the handshake',
    });
    stage.isOver();
  });

  test.each(OPEN)('is for others to judge: a %s', (_name, make) => {
    const stage = make();
    stage.end.tls.handleEnd();
    expect([stage.end.tls.failure, stage.listen()]).toEqual([undefined, []]);
    stage.release();
  });
});

test.each(STAGES)('a %s that was released does nothing more', (_name, make) => {
  const stage = make();
  const { end, hand } = stage;
  const records = [hand.alert(FATAL, 'internal_error'), hand.data(Uint8Array.of(1)), new Uint8Array(20)];
  stage.release();
  for (const record of records) end.receive(record);
  end.tls.close();
  expect([end.data.length, end.tls.failure, end.tls.takeOutput()]).toEqual([0, undefined, undefined]);
});

describe('deliverSingly', () => {
  test.each(OPEN)('a %s can be stopped behind any record', (_name, make) => {
    const stage = make();
    const { end, hand } = stage;
    end.tls.deliverSingly();
    const records = [1, 2, 3].map((byte) => hand.data(Uint8Array.of(byte)));
    const heard: number[] = [];
    end.tls.receive(concat(...records, Uint8Array.of(9, 9)), (data) => {
      heard.push(...data);
      return data[0] !== 2;
    });
    expect(heard).toEqual([1, 2]);
    expect(Buffer.from(end.tls.takeRest()).equals(concat(records[2]!, Uint8Array.of(9, 9)))).toBe(true);
    expect(end.tls.takeRest()).toHaveLength(0);
    expect(end.tls.failure).toBeUndefined();
    stage.release();
  });
});
