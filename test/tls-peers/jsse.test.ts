/** The JDK's TLS against ours, which shares no code with it and still has all that the first PacketiX spoke. */
import { beforeAll, describe, expect, test } from 'vitest';
import { type LegacyAlgorithm, SUITES, VERSION_NAMES, VERSIONS } from '../../engine/tls-legacy/suites.ts';
import { Jsse, type JsseOptions } from '../../lab/tls/jsse.ts';
import { until } from '../hosts/peers.ts';
import { patternOf } from './content.ts';
import { gate } from './gate.ts';
import {
  closeInOrder,
  dialerOf,
  dialerOfSsl3,
  expectOrderly,
  type Flow,
  type Ours,
  openWorkshop,
  PATIENCE_MS,
  type Traffic,
  withOurs,
} from './ours.ts';

const [UP, DOWN] = [patternOf(1), patternOf(2)];
const FEW = 100_000;
const SOME = 5_000_000;
const MANY = 50_000_000;
const COMBINATIONS = VERSIONS.flatMap((version) =>
  SUITES.filter(({ last }) => version <= last).map(({ name }) => [VERSION_NAMES[version], name] as const),
);
/** Every suite once in each role, and every version. */
const BULK_CLIENT: readonly (readonly [string, LegacyAlgorithm])[] = [
  ['TLSv1.2', 'DES-CBC3-SHA'],
  ['SSLv3', 'DES-CBC-SHA'],
  ['SSLv3', 'RC4-MD5'],
  ['TLSv1.2', 'RC4-SHA'],
  ['TLSv1', 'AES128-SHA'],
  ['TLSv1.1', 'AES256-SHA'],
];
const BULK_SERVER: readonly (readonly [string, LegacyAlgorithm])[] = [
  ['SSLv3', 'DES-CBC3-SHA'],
  ['TLSv1.1', 'DES-CBC-SHA'],
  ['TLSv1', 'RC4-MD5'],
  ['TLSv1.1', 'RC4-SHA'],
  ['TLSv1.2', 'AES128-SHA'],
  ['SSLv3', 'AES256-SHA'],
];

const workshop = openWorkshop();
let jsse: Jsse;
/** More Java machines at once than that only hold each other up. */
const inTurn = gate(2);

beforeAll(async () => {
  jsse = await Jsse.prepare(workshop);
}, PATIENCE_MS);

function traffic(role: 'client' | 'server', bytes: number): Traffic {
  const [send, receive] = role === 'client' ? [UP, DOWN] : [DOWN, UP];
  return { send, receive, sendBytes: bytes, receiveBytes: bytes };
}

function theirs(version: string, suite: string, bytes: number, connections: number): JsseOptions {
  const versions = version.split(',');
  return { versions, suites: [suite], up: bytes, down: bytes, connections, timeoutSeconds: PATIENCE_MS / 1000 };
}

/** What either side says of connections of which all but the first resume its session. */
function wanted(protocol: string, suite: string, bytes: number, connections: number) {
  return Array.from({ length: connections }, (_, connection) => ({
    ...{ connection, protocol, suite, resumed: connection > 0, received: bytes },
    ok: true,
  }));
}

/** Our client against their server. */
async function callThem(version: string, suite: LegacyAlgorithm, bytes: number, connections: number): Promise<void> {
  await withOurs(async (ours) => {
    const { peer, port } = await jsse.serve(theirs(version, suite, bytes, connections));
    // JSSE reads a ClientKeyExchange by the version that was offered, not by the one that was chosen: with SSL 3.0 it
    // understands only who offers no more than that.
    const dialer = version === 'SSLv3' ? dialerOfSsl3([suite]) : dialerOf([suite]);
    for (let i = 0; i < connections; i++) {
      const flow = ours.call(port, traffic('client', bytes), dialer);
      await closeInOrder(flow);
      expect(flow.channel.security).toMatchObject({ protocol: version, cipher: suite });
      expect(flow.tls?.resumed).toBe(i > 0);
    }
    expect(await peer.finish()).toEqual(wanted(version, suite, bytes, connections));
  });
}

/** Our server against their client. @param version Theirs, with SSLv2Hello in front where they are to begin with that. */
async function beCalled(version: string, suite: LegacyAlgorithm, bytes: number, connections: number): Promise<Flow[]> {
  return await withOurs(async (ours) => {
    const { port, flows } = await ours.serve([suite], traffic('server', bytes));
    const client = await jsse.connect(port, theirs(version, suite, bytes, connections));
    const protocol = version.replace('SSLv2Hello,', '');
    // They insist on our close_notify.
    expect(await client.finish()).toEqual(wanted(protocol, suite, bytes, connections));
    expect(flows).toHaveLength(connections);
    for (const [i, flow] of flows.entries()) {
      await expectOrderly(flow);
      expect(flow.channel.security).toEqual({ protocol, cipher: suite });
      expect(flow.tls?.resumed).toBe(i > 0);
    }
    return flows;
  });
}

describe.concurrent('JSSE', { timeout: PATIENCE_MS }, () => {
  test.each(BULK_CLIENT)('our client, %s %s: 50 MB each way at once', async (version, suite) => {
    await inTurn(() => callThem(version, suite, MANY, 1));
  });

  test.each(BULK_SERVER)('our server, %s %s: 50 MB each way at once', async (version, suite) => {
    await inTurn(() => beCalled(version, suite, MANY, 1));
  });

  test.each(COMBINATIONS)('our client, %s %s: two connections, one session', async (version, suite) => {
    await inTurn(() => callThem(version, suite, FEW, 2));
  });

  test.each(COMBINATIONS)('our server, %s %s: two connections, one session', async (version, suite) => {
    await inTurn(() => beCalled(version, suite, FEW, 2));
  });

  test.each(['SSLv3', 'TLSv1', 'TLSv1.2'])('our server, %s after a ClientHello of SSL 2.0', async (version) => {
    const flows = await inTurn(() => beCalled(`SSLv2Hello,${version}`, 'RC4-MD5', FEW, 2));
    // The second one asks for a session, which SSL 2.0 has no place for.
    expect(flows.map(({ firstByte }) => firstByte)).toEqual([0x80, 0x16]);
  });

  test('our server, one port for RC4-MD5 and for the runtime’s TLS, with both on it at once', async () => {
    const work = async (ours: Ours): Promise<void> => {
      const after = (): Promise<void> => until('both are there', () => flows.length === 2, PATIENCE_MS);
      const { port, flows } = await ours.serve(['modern', 'RC4-MD5'], { ...traffic('server', SOME), after });
      const old = await jsse.connect(port, theirs('TLSv1', 'RC4-MD5', SOME, 1));
      const modern = ours.call(port, traffic('client', SOME));
      await closeInOrder(modern);
      expect(await old.finish()).toEqual(wanted('TLSv1', 'RC4-MD5', SOME, 1));
      for (const flow of flows) await expectOrderly(flow);
      const { cipher } = modern.channel.security!;
      expect(cipher).toMatch(/GCM|CHACHA/);
      expect(flows.map(({ channel }) => channel.security?.cipher).toSorted()).toEqual(['RC4-MD5', cipher].toSorted());
    };
    await inTurn(() => withOurs(work));
  });
});
