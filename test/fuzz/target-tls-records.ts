import { RECORD_TYPES, RecordReader } from '../../engine/crypto/records.ts';
import type { LegacyTls } from '../../engine/tls-legacy/connection.ts';
import { keyBlock, type Side } from '../../engine/tls-legacy/keys.ts';
import { SSL3 } from '../../engine/tls-legacy/suites.ts';
import { join } from '../unit/core/rig.ts';
import { Rng } from './rng.ts';
import { check, type Target } from './target.ts';
import {
  COMBINATIONS,
  type Combination,
  compare,
  converse,
  cuts,
  FuzzLab,
  type Outcome,
  play,
  recordsOf,
  SESSIONS,
} from './tls-lab.ts';

const { handshake, alert, changeCipherSpec, data } = RECORD_TYPES;
const SIDES: readonly Side[] = ['client', 'server'];
const RECORDS_MAX = 60;
const BYTES_MAX = 100_000;
/** How often it says in a row that it does not want what it is asked for. */
const WARNINGS_IN_A_ROW = 4;
/** Data that is sent says where it stands, so that none of it can be taken for another. */
const STREAM = Uint8Array.from({ length: BYTES_MAX + 0x4000 }, (_, i) => (i * 31) ^ (i >> 8) ^ (i >> 13));

/** A connection of which one end is tested, and what its peer needs to go on by hand. */
interface Opened {
  readonly combination: Combination;
  readonly side: Side;
  /** What the peer said up to here. */
  readonly said: Uint8Array;
  /** Keys of the end that is tested. */
  readonly keys: Uint8Array;
  /** The peer's way to seal its next record, and the one of the end itself. */
  readonly seal: Uint8Array;
  readonly reflect: Uint8Array;
}

/** All of them with one build, and a slot to seal with. */
class Bench {
  readonly lab: FuzzLab;
  readonly opened: readonly Opened[];
  readonly #slot: number;
  readonly #at: number;

  constructor(build: 'simd' | 'scalar') {
    this.lab = new FuzzLab(build);
    const { crypto } = this.lab;
    this.#slot = crypto.takeSlot().number;
    const { SLOTS, SLOT_BYTES } = crypto.wasm;
    this.#at = SLOTS.value + this.#slot * SLOT_BYTES.value;
    this.opened = COMBINATIONS.flatMap((_, i) => SIDES.map((side) => this.#open(i, side)));
  }

  end(side: Side, session: number): LegacyTls {
    return side === 'client' ? this.lab.client(SESSIONS[session]) : this.lab.server();
  }

  /** Seals a record by a way that was kept, or that of the call before. */
  use(way: Uint8Array): void {
    this.lab.crypto.bytes.set(way, this.#at);
  }

  keep(): Uint8Array {
    return this.lab.crypto.bytes.slice(this.#at, this.#at + this.lab.crypto.wasm.SLOT_BYTES.value);
  }

  seal(type: number, body: Uint8Array): Uint8Array {
    const { bytes, wasm } = this.lab.crypto;
    const at = wasm.SEAL.value;
    bytes.set(body, at + wasm.recordHead(this.#slot));
    const length = wasm.sealRecords(this.#slot, type, at, body.length, body.length);
    return bytes.slice(at, at + length);
  }

  #open(index: number, side: Side): Opened {
    const { crypto } = this.lab;
    const combination = COMBINATIONS[index]!;
    const { version, suite } = combination;
    const said = converse(
      this.lab.client(SESSIONS[index], { suites: [suite], maximum: version }),
      this.lab.server({ suites: [suite], maximum: version }),
    );
    // For the client that is tested, which offers everything, the transcript is another one.
    const stream =
      side === 'server'
        ? said.client
        : converse(this.lab.client(SESSIONS[index]), this.lab.server({ suites: [suite], maximum: version })).server;
    const { master } = SESSIONS[index]!;
    const [clientRandom, serverRandom] = [said.client.slice(11, 43), said.server.slice(11, 43)];
    const keys = keyBlock(crypto, { version, master, clientRandom, serverRandom }, suite);
    const peer = side === 'client' ? 'server' : 'client';
    return {
      ...{ combination, side, said: stream, keys: keys[side] },
      seal: this.#wayOf(combination, keys[peer], finishedIn(this.lab, combination, keys[peer], stream)),
      reflect: this.#wayOf(combination, keys[side], new Uint8Array(0)),
    };
  }

  /** Keys as they are once `first` was sealed with them. */
  #wayOf({ version, suite }: Combination, keys: Uint8Array, first: Uint8Array): Uint8Array {
    const { crypto } = this.lab;
    crypto.toScratch('fuzz', keys);
    crypto.wasm.recordKey(this.#slot, suite.id, version, crypto.scratch, 0);
    this.seal(handshake, first);
    return this.keep();
  }
}

/** The Finished message in what a side said. */
function finishedIn(lab: FuzzLab, { version, suite }: Combination, keys: Uint8Array, stream: Uint8Array): Uint8Array {
  const reader = new RecordReader(lab.crypto);
  let last = new Uint8Array(0);
  reader.read(
    stream,
    () => false,
    (type, body) => {
      if (type === changeCipherSpec) reader.protect(suite.id, version, keys);
      last = body.slice();
      return true;
    },
  );
  reader.release();
  return last;
}

/** One record as its sender meant it, and where it ends in what he meant to send. */
interface Sent {
  readonly bytes: Uint8Array;
  readonly data: Uint8Array;
  readonly end: number;
}

interface Plan {
  readonly sent: readonly Sent[];
  /** What arrives. */
  readonly stream: Uint8Array;
  /** Data of the records that arrive as they were sent and in their order, from the first one on. */
  readonly clean: Uint8Array;
  /** With that of the next one, of which SSL 3.0 may not see that it is damaged. */
  readonly most: Uint8Array;
  /** Whether there is a whole record behind them, which then is a wrong one. */
  readonly broken: boolean;
}

const NOTHING = new Uint8Array(0);

/**
 * An input is a plan: of which connection, and what its peer sends: data, messages, alerts and other records, which are
 * sealed as they have to be, and then damaged, repeated, left out, exchanged.
 */
function makePlan(bench: Bench, opened: Opened, input: Uint8Array): Plan {
  const sent: Sent[] = [];
  const arriving: Uint8Array[] = [];
  let at = 2;
  let bytes = 0;
  let position = 0;
  const next = (): number => input[at++] ?? 0;
  // Zeros behind its end.
  const take = (count: number): Uint8Array => Uint8Array.from({ length: count }, next);
  const add = (type: number, body: Uint8Array): void => {
    const record = bench.seal(type, body);
    bytes += record.length;
    arriving.push(record);
    sent.push({ bytes: record, data: type === data ? body : NOTHING, end: bytes });
  };
  const wish = opened.side === 'client' ? 0 : 1;
  bench.use(opened.seal);
  while (at < input.length && arriving.length < RECORDS_MAX && bytes < BYTES_MAX) {
    const op = next();
    const last = arriving.at(-1);
    switch (op & 15) {
      case 0:
        add(data, NOTHING);
        break;
      case 1:
        add(handshake, take(next() & 31));
        break;
      case 2:
        add(handshake, Uint8Array.of(wish, 0, 0, 0));
        break;
      case 3:
        add(alert, take(op < 128 ? 2 : next() & 7));
        break;
      case 4:
        add(op < 128 ? knownType(next()) : next(), take(next() & 15));
        break;
      case 5:
        if (last !== undefined) arriving[arriving.length - 1] = damaged(last, op, next(), next());
        break;
      case 6:
        if (last !== undefined) arriving.push(last);
        break;
      case 7:
        arriving.pop();
        break;
      case 8:
        if (arriving.length > 1) arriving.push(...arriving.splice(-2).toReversed());
        break;
      case 9:
        arriving.push(take(1 + (next() & 63)));
        break;
      case 10: {
        const way = bench.keep();
        bench.use(opened.reflect);
        arriving.push(bench.seal(data, take(4)));
        bench.use(way);
        break;
      }
      default: {
        const length = op < 240 ? next() : Math.min(next() * 65, 0x4000);
        add(data, STREAM.subarray(position, position + length));
        position += length;
      }
    }
  }
  const stream = join(...arriving);
  const wrong = sent.findIndex(({ bytes: record, end }) => {
    return Buffer.compare(stream.subarray(end - record.length, end), record) !== 0;
  });
  const clean = wrong === -1 ? sent : sent.slice(0, wrong);
  const { version, suite } = opened.combination;
  // The last byte of the padding is all that it looks at.
  const blind = version === SSL3 && suite.ivBytes > 0;
  return {
    ...{ sent, stream },
    clean: join(...clean.map((record) => record.data)),
    most: join(...sent.slice(0, clean.length + (blind ? 1 : 0)).map((record) => record.data)),
    broken: !blind && beginsWhole(stream.subarray(clean.at(-1)?.end ?? 0)),
  };
}

/** Whether there is all of a record, as its header says. */
function beginsWhole(bytes: Uint8Array): boolean {
  return bytes.length >= 5 && bytes.length >= 5 + ((bytes[3]! << 8) | bytes[4]!);
}

/** Known types are as rare as others otherwise. */
function knownType(byte: number): number {
  return 20 + (byte & 3);
}

/** A part of it never comes, or its header is another one, or some byte of it. */
function damaged(record: Uint8Array, op: number, place: number, bits: number): Uint8Array {
  const { length } = record;
  if (op >= 192 || length === 0) return record.slice(0, -1 - (place % (length || 1)));
  const changed = record.slice();
  changed[place % (op >= 128 ? Math.min(5, length) : length)]! ^= bits || 1;
  return changed;
}

/** What the end said once it was open, in clear. */
function alertsOf(
  bench: Bench,
  { combination, keys }: Opened,
  output: Uint8Array,
): { fatal: number; warnings: number } {
  const reader = new RecordReader(bench.lab.crypto);
  let [fatal, warnings] = [0, 0];
  const result = reader.read(
    output,
    () => false,
    (type, body) => {
      if (type === changeCipherSpec) reader.protect(combination.suite.id, combination.version, keys);
      if (type === alert) body[0] === 2 ? fatal++ : warnings++;
      return true;
    },
  );
  reader.release();
  check(result === 'read', 'its own records cannot be opened');
  return { fatal, warnings };
}

function judge(bench: Bench, opened: Opened, plan: Plan, outcome: Outcome): void {
  const { failure, delivered, output } = outcome;
  const closed = outcome.state.includes('"peerClosed":true');
  check(delivered.length <= plan.most.length, `${delivered.length - plan.most.length} bytes too many are delivered`);
  check(
    Buffer.compare(delivered, plan.most.subarray(0, delivered.length)) === 0,
    'something is delivered that was not sent',
  );
  if (failure === '' && !closed) {
    check(delivered.length >= plan.clean.length, 'something that was sent is not delivered');
    check(!plan.broken, 'a record that is wrong is taken');
  }
  const { fatal, warnings } = alertsOf(bench, opened, output);
  const refused = failure !== '' && !failure.includes(': it refuses: ');
  // Data in between makes it patient anew.
  const patience = WARNINGS_IN_A_ROW * (1 + plan.sent.filter((record) => record.data.length > 0).length);
  check(
    fatal === (refused ? 1 : 0) && warnings <= patience,
    `${fatal} fatal alerts, ${warnings} warnings, and "${failure}"`,
  );
  check(recordsOf(output).length <= 16 + warnings, 'it answers more than it is asked');
}

/** An owner that answers from inside of `deliver`: what it seals goes out as it should. */
function playEcho(bench: Bench, opened: Opened, index: number, plan: Plan): void {
  const tls = bench.end(opened.side, index);
  const output: Uint8Array[] = [];
  const echoed: Uint8Array[] = [];
  const flush = (): void => {
    const bytes = tls.takeOutput();
    if (bytes !== undefined) output.push(bytes);
  };
  flush();
  const deliver = (body: Uint8Array): boolean => {
    const copy = body.slice(0, 700);
    flush();
    echoed.push(copy);
    output.push(tls.seal(copy).records.slice());
    check(
      Buffer.compare(body.subarray(0, copy.length), copy) === 0,
      'what is delivered changes while an answer is sealed',
    );
    return true;
  };
  tls.receive(opened.said, deliver);
  flush();
  tls.receive(plan.stream, deliver);
  flush();
  tls.release();
  const reader = new RecordReader(bench.lab.crypto);
  const { suite, version } = opened.combination;
  const heard: Uint8Array[] = [];
  const result = reader.read(
    join(...output),
    () => false,
    (type, body) => {
      if (type === changeCipherSpec) reader.protect(suite.id, version, opened.keys);
      if (type === data) heard.push(body.slice());
      return true;
    },
  );
  reader.release();
  check(
    result === 'read' && Buffer.compare(join(...heard), join(...echoed)) === 0,
    'an echo is not what was delivered',
  );
}

/** An owner that stops behind a record: the rest is as it came. */
function playStop(bench: Bench, opened: Opened, index: number, plan: Plan, stopAt: number): void {
  const tls = bench.end(opened.side, index);
  tls.deliverSingly();
  tls.receive(opened.said, () => true);
  let count = 0;
  let stopped = false;
  tls.receive(plan.stream, () => {
    stopped = count++ === stopAt;
    return !stopped;
  });
  if (stopped) {
    check(count === stopAt + 1, 'more is delivered behind a stop');
    const { end } = plan.sent.filter((record) => record.data.length > 0)[stopAt]!;
    const rest = plan.stream.subarray(end);
    check(Buffer.compare(tls.takeRest(), rest) === 0, 'the rest is not what came');
  }
  tls.release();
}

function seeds(): Uint8Array[] {
  const plans = [
    [11, 10, 12, 200, 250, 90, 13, 1],
    [11, 40, 0, 0, 14, 40, 3, 1, 0, 15, 9],
    [11, 1, 2, 11, 2, 2, 11, 3],
    [11, 20, 3, 2, 40, 11, 4],
    [11, 30, 5, 20, 1, 12, 9],
    [11, 30, 6, 12, 9],
    [11, 30, 12, 31, 8, 12, 9],
    [11, 30, 12, 31, 7, 12, 9],
    [1, 6, 0, 0, 0, 2, 1, 2, 11, 5],
    [131, 1, 1, 11, 7, 131, 1, 0],
    [11, 5, 10, 1, 2, 3, 4, 11, 9],
    [4, 3, 1, 1, 11, 5],
    [250, 252, 251, 250, 250, 40],
    [11, 1, 2, 11, 2, 2, 11, 3, 2, 11, 2, 2, 11, 3, 2, 11, 3],
    [11, 1, 2, 2, 2, 2, 2, 11, 3],
  ];
  return COMBINATIONS.flatMap((_, i) =>
    SIDES.map((_side, k) => Uint8Array.of(i, k, ...plans[(2 * i + k) % plans.length]!)),
  ).concat(plans.map((plan, i) => Uint8Array.of(i, i & 1, ...plan)));
}

/** What the peer of an open connection may send. */
export function tlsRecordsTarget(): Target {
  const [simd, scalar] = [new Bench('simd'), new Bench('scalar')];
  return {
    name: 'tls-records',
    seeds: seeds(),
    maxBytes: 300,
    cost: 8,
    run(input) {
      const rng = Rng.from(input);
      const bench = rng.oneIn(4) ? scalar : simd;
      const index = (input[0] ?? 0) % COMBINATIONS.length;
      const opened = bench.opened[2 * index + ((input[1] ?? 0) & 1)]!;
      const plan = makePlan(bench, opened, input);
      const make = () => bench.end(opened.side, index);
      const { crypto } = bench.lab;
      const whole = play(crypto, make, [opened.said, plan.stream]);
      const cut = play(crypto, make, [opened.said, ...cuts(rng, plan.stream)]);
      compare(whole, cut);
      for (const outcome of [whole, cut]) judge(bench, opened, plan, outcome);
      if (rng.oneIn(8)) playEcho(bench, opened, index, plan);
      if (rng.oneIn(8)) playStop(bench, opened, index, plan, rng.below(4));
    },
  };
}
