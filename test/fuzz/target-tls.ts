import type { LegacyTls } from '../../engine/tls-legacy/connection.ts';
import { message } from '../../engine/tls-legacy/hello.ts';
import { FALLBACK_SCSV, TLS1, TLS12 } from '../../engine/tls-legacy/suites.ts';
import { join } from '../unit/core/rig.ts';
import { clientHelloBody, plainRecord, v2HelloBody, v2Record } from '../unit/tls/hand.ts';
import { mutateRecords } from './mutate-records.ts';
import { Rng } from './rng.ts';
import { check, type Target } from './target.ts';
import {
  COMBINATIONS,
  type Conversation,
  checkAlerts,
  compare,
  converse,
  cuts,
  FuzzLab,
  type Outcome,
  play,
  SESSIONS,
} from './tls-lab.ts';

const MAX_BYTES = 4_096;
/** What every end sends when it is open: nothing else may ever be delivered, and nothing of it out of order. */
const DATA = Uint8Array.from({ length: 600 }, (_, i) => (i * 7) ^ (i >> 3));
const CUTS = [1, 20, 21, 300, 600];

function more(end: LegacyTls): Uint8Array[] {
  const records = CUTS.map((cut, i) => end.seal(DATA.subarray(CUTS[i - 1] ?? 0, cut)).records.slice());
  end.close();
  return [...records, end.takeOutput()!];
}

function conversations(lab: FuzzLab): { full: Conversation[]; resumed: Conversation[] } {
  const record = (resumed: boolean) =>
    COMBINATIONS.map(({ version, suite }, i) =>
      converse(
        lab.client(resumed ? SESSIONS[i] : undefined, { suites: [suite], maximum: version }),
        lab.server(),
        more,
      ),
    );
  return { full: record(false), resumed: record(true) };
}

function judge(whole: Outcome, cut: Outcome): void {
  compare(whole, cut);
  for (const outcome of [whole, cut]) {
    checkAlerts(outcome);
    const { delivered } = outcome;
    check(
      Buffer.compare(delivered, DATA.subarray(0, delivered.length)) === 0,
      'something is delivered that was not sent',
    );
  }
}

/** One input in four meets the build without SIMD. */
function labs(): (rng: Rng) => FuzzLab {
  const [simd, scalar] = [new FuzzLab('simd'), new FuzzLab('scalar')];
  return (rng) => (rng.oneIn(4) ? scalar : simd);
}

/** What a client says to the server's side of this program's own TLS. */
export function tlsServerTarget(): Target {
  const choose = labs();
  const { full, resumed } = conversations(new FuzzLab('simd'));
  const hello = clientHelloBody({ version: TLS1, suites: [4, FALLBACK_SCSV] });
  const seeds = [
    ...[...full, ...resumed].map(({ client }) => client),
    v2Record(v2HelloBody()),
    join(v2Record(v2HelloBody({ version: TLS12, suites: [0x010080, 5] })), full[0]!.client.subarray(200)),
    plainRecord(22, message(1, hello)),
  ];
  return {
    name: 'tls-server',
    seeds,
    maxBytes: MAX_BYTES,
    cost: 8,
    repair: (rng, bytes) => (rng.oneIn(3) ? Uint8Array.from(bytes) : mutateRecords(rng, bytes, seeds)),
    run(input) {
      const rng = Rng.from(input);
      const lab = choose(rng);
      const make = () => lab.server();
      judge(play(lab.crypto, make, [input]), play(lab.crypto, make, cuts(rng, input)));
    },
  };
}

/**
 * What a server says to the client's side. The first byte says which session the client offers; what is behind it is the
 * server's.
 */
export function tlsClientTarget(): Target {
  const choose = labs();
  const lab = new FuzzLab('simd');
  const record = (resumed: boolean) =>
    COMBINATIONS.map(({ version, suite }, i) => {
      const client = lab.client(resumed ? SESSIONS[i] : undefined);
      const { server } = converse(client, lab.server({ suites: [suite], maximum: version }), more);
      return join(Uint8Array.of(resumed ? i : 255), server);
    });
  const seeds = [...record(false), ...record(true)];
  return {
    name: 'tls-client',
    seeds,
    maxBytes: MAX_BYTES,
    cost: 8,
    repair(rng, bytes) {
      if (rng.oneIn(3)) return Uint8Array.from(bytes);
      const streams = seeds.map((seed) => seed.subarray(1));
      return Uint8Array.from(join(bytes.subarray(0, 1), mutateRecords(rng, bytes.subarray(1), streams)));
    },
    run(input) {
      const rng = Rng.from(input);
      const chosen = choose(rng);
      const session = SESSIONS[input[0] ?? 255];
      const make = () => chosen.client(session);
      const stream = input.subarray(1);
      judge(play(chosen.crypto, make, [stream]), play(chosen.crypto, make, cuts(rng, stream)));
    },
  };
}
