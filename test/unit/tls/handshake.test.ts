import { describe, expect, test } from 'vitest';
import {
  LEGACY_ALGORITHMS,
  SUITES,
  suiteOf,
  TLS11,
  VERSION_NAMES,
  VERSIONS,
} from '../../../engine/tls-legacy/suites.ts';
import { World } from '../../sim/world.ts';
import { CERTIFICATE, End, send, settle, TlsLab } from './harness.ts';

/** Every version with every suite that it has. */
const COMBINATIONS = VERSIONS.flatMap((version) =>
  SUITES.filter(({ last }) => version <= last).map((suite) => ({
    ...{ version, suite },
    name: `${VERSION_NAMES[version]} ${suite.name}`,
  })),
);

/** Around a block, a record, and what one call takes. */
const LENGTHS = [1, 2, 15, 16, 17, 1_400, 16_384, 16_385, 300_000];

test('the suites are the six that an administrator can name', () => {
  expect(COMBINATIONS).toHaveLength(4 * 6 - 1);
  expect(new Set(SUITES.map(({ name }) => name))).toEqual(new Set(LEGACY_ALGORITHMS));
});

describe.each([
  ['simd', false],
  ['scalar', true],
] as const)('%s', (_name, scalar) => {
  const lab = new TlsLab(3, scalar);

  test.each(COMBINATIONS)('$name: handshake, data both ways, resumption, close_notify', ({ version, suite }) => {
    const free = lab.crypto.slotsFree;
    for (const resumed of [false, true]) {
      const place = `${version} ${suite.name}`;
      const client = new End(lab.client({ suites: [suite], minimum: version, maximum: version, place }));
      const server = new End(lab.server());
      settle(client, server, resumed ? Number.POSITIVE_INFINITY : 7);
      expect([client.tls.failure, server.tls.failure]).toEqual([undefined, undefined]);
      for (const { tls } of [client, server]) {
        expect(tls.security).toEqual({ protocol: VERSION_NAMES[version], cipher: suite.name });
        expect([tls.open, tls.resumed]).toEqual([true, resumed]);
      }
      expect(client.tls.chain).toEqual([CERTIFICATE]);
      exchange(client, server);
      client.tls.close();
      settle(client, server);
      expect([server.tls.peerClosed, server.tls.open, client.tls.open]).toEqual([true, false, false]);
      server.tls.close();
      settle(server, client);
      expect(client.tls.peerClosed).toBe(true);
      client.tls.release();
      server.tls.release();
    }
    expect(lab.crypto.slotsFree).toBe(free);
  });

  test('the server decides: its first suite that the client has', () => {
    for (const first of LEGACY_ALGORITHMS) {
      const suites = [suiteOf(first), ...SUITES];
      const client = new End(lab.client({ maximum: TLS11, place: `chosen ${first}` }));
      const server = new End(lab.server({ suites }));
      settle(client, server);
      expect(client.tls.security?.cipher).toBe(first);
      client.tls.release();
      server.tls.release();
    }
  });

  test('a suite that the highest version does not have is reached by a lower one', () => {
    const client = new End(lab.client({ place: 'des' }));
    const server = new End(lab.server({ suites: [suiteOf('DES-CBC-SHA')] }));
    settle(client, server);
    expect(client.tls.security).toEqual({ protocol: 'TLSv1.1', cipher: 'DES-CBC-SHA' });
    expect(client.tls.failure).toBeUndefined();
  });
});

/** Every length both ways. */
function exchange(client: End, server: End): void {
  const world = new World(9);
  for (const length of LENGTHS) {
    const [up, down] = [world.bytes(length), world.bytes(length)];
    client.received.length = 0;
    server.received.length = 0;
    send(client, server, up);
    send(server, client, down);
    expect(Buffer.compare(server.data, up)).toBe(0);
    expect(Buffer.compare(client.data, down)).toBe(0);
  }
}
