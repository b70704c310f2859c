/** OpenSSL's programs against ours. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  countSaid,
  OPENSSL_SAYS,
  OPENSSL_SUITES,
  OPENSSL_VERSIONS,
  startOpensslClient,
  startOpensslServer,
} from '../../lab/tls/openssl.ts';
import { until } from '../hosts/peers.ts';
import { linesOf, sha256 } from './content.ts';
import { closeInOrder, dialerOf, expectOrderly, openWorkshop, PATIENCE_MS, type Traffic, withOurs } from './ours.ts';

const [UP, DOWN] = [linesOf('up'), linesOf('down')];
/** Of each connection and each way: 60 MB in all. */
const BYTES = 2_500_000;
const COMBINATIONS = OPENSSL_VERSIONS.flatMap((version) => OPENSSL_SUITES.map((suite) => [version, suite] as const));
const NO_TRAFFIC: Traffic = { send: UP, sendBytes: 0, receive: UP, receiveBytes: 0 };
const ENDED_WELL = { code: 0, signal: null };

const workshop = openWorkshop();

describe('OpenSSL', { timeout: PATIENCE_MS }, () => {
  test.each(
    COMBINATIONS,
  )('our client, %s %s: two connections, one session, megabytes each way', async (version, suite) => {
    await withOurs(async (ours) => {
      const output = workshop.newPath('received');
      const { child, port } = await startOpensslServer(workshop, 2, { version, suite, output });
      const dialer = dialerOf([suite]);
      for (const resumed of [false, true]) {
        child.write(DOWN.upTo(BYTES).toString());
        const traffic = { send: UP, sendBytes: BYTES, receive: DOWN, receiveBytes: BYTES };
        const flow = ours.call(port, traffic, dialer);
        await closeInOrder(flow);
        expect(flow.channel.security).toMatchObject({ protocol: version, cipher: suite });
        expect(flow.tls?.resumed).toBe(resumed);
      }
      expect(await child.exited).toEqual(ENDED_WELL);
      expect(countSaid(child, OPENSSL_SAYS.closed)).toBe(2);
      expect(countSaid(child, OPENSSL_SAYS.certificate)).toBe(1);
      const once = UP.upTo(BYTES);
      expect(sha256(readFileSync(output))).toBe(sha256(Buffer.concat([once, once])));
    });
  });

  test.each(
    COMBINATIONS,
  )('our server, %s %s: two connections, one session, megabytes each way', async (version, suite) => {
    await withOurs(async (ours) => {
      const traffic = { send: DOWN, sendBytes: BYTES, receive: UP, receiveBytes: BYTES };
      const { port, flows } = await ours.serve([suite], traffic);
      const session = workshop.newPath('session');
      for (const [i, more] of [
        ['-sess_out', session],
        ['-sess_in', session],
      ].entries()) {
        const output = workshop.newPath('received');
        const child = await startOpensslClient(workshop, port, { version, suite, output, more });
        child.write(UP.upTo(BYTES).toString());
        await until('it has connected', () => flows.length > i, PATIENCE_MS);
        const flow = flows[i]!;
        await closeInOrder(flow);
        expect(flow.channel.security).toEqual({ protocol: version, cipher: suite });
        expect(flow.tls?.resumed).toBe(i === 1);
        expect(await child.exited).toEqual(ENDED_WELL);
        expect(countSaid(child, OPENSSL_SAYS.closed)).toBe(1);
        expect(countSaid(child, OPENSSL_SAYS.verified)).toBe(1 - i);
        expect(sha256(readFileSync(output))).toBe(sha256(DOWN.upTo(BYTES)));
      }
    });
  });

  test.each(
    COMBINATIONS,
  )('our server, %s %s: six connections of one session, each closed by them', async (version, suite) => {
    await withOurs(async (ours) => {
      const { port, flows } = await ours.serve([suite], NO_TRAFFIC);
      const child = await startOpensslClient(workshop, port, { version, suite, more: ['-reconnect'] });
      await until('it has made all of them', () => flows.length === 6, PATIENCE_MS);
      child.write('Q\n');
      expect(await child.exited).toEqual(ENDED_WELL);
      for (const flow of flows) await expectOrderly(flow);
      expect(flows.map(({ tls }) => tls?.resumed)).toEqual([false, true, true, true, true, true]);
      expect(countSaid(child, `Reused, SSLv3, Cipher is ${suite}`)).toBe(5);
    });
  });
});

describe('another handshake is refused, which OpenSSL takes for a reason to go', { timeout: PATIENCE_MS }, () => {
  test.each(OPENSSL_VERSIONS)('our server, %s', async (version) => {
    await withOurs(async (ours) => {
      const { port, flows } = await ours.serve(['AES128-SHA'], NO_TRAFFIC);
      const child = await startOpensslClient(workshop, port, { version, suite: 'AES128-SHA' });
      await until('it has connected', () => flows.length === 1, PATIENCE_MS);
      child.write('R\n');
      expect((await child.exited).code).toBe(1);
      expect(countSaid(child, OPENSSL_SAYS.refused)).toBe(1);
      expect(countSaid(child, OPENSSL_SAYS.gaveUp)).toBe(1);
      expect((await flows[0]!.whenClosed)?.message).toMatch(/it refuses: handshake_failure/);
    });
  });

  test.each(OPENSSL_VERSIONS)('our client, %s', async (version) => {
    await withOurs(async (ours) => {
      const { child, port } = await startOpensslServer(workshop, 1, { version, suite: 'AES128-SHA' });
      const flow = ours.call(port, NO_TRAFFIC, dialerOf(['AES128-SHA']));
      await flow.whenOpened;
      child.write('r\n');
      expect((await flow.whenClosed)?.message).toMatch(/it refuses: handshake_failure/);
      await child.exited;
      expect(countSaid(child, OPENSSL_SAYS.refused)).toBe(1);
      expect(countSaid(child, OPENSSL_SAYS.gaveUp)).toBe(1);
    });
  });
});

describe('whoever was led to a lower version is told so', { timeout: PATIENCE_MS }, () => {
  test.each([
    [['AES128-SHA'], 'TLSv1'],
    [['AES128-SHA'], 'TLSv1.1'],
    [['modern', 'AES128-SHA'], 'TLSv1'],
    [['modern', 'AES128-SHA'], 'TLSv1.1'],
  ] as const)('a port for %j, a client that offers no more than %s', async (algorithms, version) => {
    await withOurs(async (ours) => {
      const { port, flows } = await ours.serve(algorithms, NO_TRAFFIC);
      const more = ['-fallback_scsv'];
      const child = await startOpensslClient(workshop, port, { version, suite: 'AES128-SHA', more });
      expect((await child.exited).code).toBe(1);
      expect(child.stderr).toMatch(/alert inappropriate fallback/);
      expect(flows).toHaveLength(0);
    });
  });

  test.each([
    ['AES128-SHA', 'TLSv1.2', ['-fallback_scsv']],
    ['AES128-SHA', 'TLSv1.1', []],
  ] as const)('but not on %s with %s and %j', async (suite, version, more) => {
    await withOurs(async (ours) => {
      const { port, flows } = await ours.serve([suite], NO_TRAFFIC);
      const child = await startOpensslClient(workshop, port, { version, suite, more });
      await until('it has connected', () => flows.length === 1, PATIENCE_MS);
      child.write('Q\n');
      expect(await child.exited).toEqual(ENDED_WELL);
      await expectOrderly(flows[0]!);
      expect(flows[0]!.channel.security?.protocol).toBe(version);
    });
  });
});
