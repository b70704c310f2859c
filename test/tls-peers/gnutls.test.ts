/** GnuTLS against ours: its programs take text only, a line at a time. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  GNUTLS_SAYS,
  GNUTLS_SUITES,
  GNUTLS_VERSIONS,
  gnutlsDescription,
  startGnutlsClient,
  startGnutlsServer,
} from '../../lab/tls/gnutls.ts';
import { until } from '../hosts/peers.ts';
import { Content, linesOf, sha256 } from './content.ts';
import { closeInOrder, dialerOf, expectOrderly, openWorkshop, PATIENCE_MS, type Traffic, withOurs } from './ours.ts';

const [UP, DOWN] = [linesOf('up'), linesOf('down')];
/** About a megabyte, and whole lines. */
const BYTES = UP.upTo(1_000_000).lastIndexOf('\n') + 1;
/** Of each connection and each way, to its server: 51 MB in all. It closes what is older than 30 s, and echoes line by line. */
const ECHO_BYTES = UP.upTo(1_700_000).lastIndexOf('\n') + 1;
/** gnutls-cli writes what it receives byte by byte, which takes long. */
const DOWN_BYTES = 250_000;
const COMBINATIONS = GNUTLS_VERSIONS.flatMap((version) => GNUTLS_SUITES.map((suite) => [version, suite] as const));

const workshop = openWorkshop();

describe('GnuTLS', { timeout: PATIENCE_MS }, () => {
  test.each(
    COMBINATIONS,
  )('our client, %s %s: two connections, one session, a megabyte each way on each', async (version, suite) => {
    await withOurs(async (ours) => {
      const { server, port } = await startGnutlsServer(workshop, version, suite);
      const dialer = dialerOf([suite]);
      for (const resumed of [false, true]) {
        const echo = { send: UP, sendBytes: ECHO_BYTES, receive: UP, receiveBytes: ECHO_BYTES };
        const flow = ours.call(port, echo, dialer);
        await closeInOrder(flow);
        expect(flow.channel.security).toMatchObject({ protocol: version, cipher: suite });
        expect(flow.tls?.resumed).toBe(resumed);
      }
      await server.child.stop();
      expect(server.count(gnutlsDescription(version, suite))).toBe(2);
      expect(server.count(GNUTLS_SAYS.resumed)).toBe(1);
      expect(server.count(GNUTLS_SAYS.closed)).toBe(2);
    });
  });

  test.each(COMBINATIONS)('our server, %s %s: two connections, one session, a megabyte', async (version, suite) => {
    await withOurs(async (ours) => {
      // On its first connection it does not wait for data.
      const after: Traffic['after'] = (flow) => flow.whenHeard;
      const { port, flows } = await ours.serve([suite], { ...traffic(DOWN_BYTES, BYTES), after });
      const { client, output } = await startGnutlsClient(workshop, { port, version, suite, resume: true });
      client.child.write(UP.upTo(BYTES).toString());
      await until('it has made both connections', () => flows.length === 2, PATIENCE_MS);
      const [first, second] = flows;
      expect(await first!.whenClosed).toBeUndefined();
      expect(first!.tls).toMatchObject({ peerClosed: true, resumed: false });
      await second!.done;
      // It does not answer a close_notify.
      second!.channel.close();
      expect(await second!.whenClosed).toBeUndefined();
      expect(second!.tls?.resumed).toBe(true);
      expect(await client.child.exited).toEqual({ code: 0, signal: null });
      expect(client.count(gnutlsDescription(version, suite))).toBe(2);
      expect(client.count(GNUTLS_SAYS.resumed)).toBe(1);
      expect(client.count(GNUTLS_SAYS.closed)).toBe(1);
      expect(sha256(readFileSync(output))).toBe(sha256(DOWN.upTo(DOWN_BYTES)));
      for (const flow of flows) expect(flow.channel.security).toEqual({ protocol: version, cipher: suite });
    });
  });

  test.each(GNUTLS_VERSIONS)('our server, %s: it closes, and gets our close_notify', async (version) => {
    await withOurs(async (ours) => {
      const { port, flows } = await ours.serve(['AES128-SHA'], traffic(0, BYTES));
      const input = UP.upTo(BYTES).toString();
      const { client } = await startGnutlsClient(workshop, { port, version, suite: 'AES128-SHA', input });
      expect(await client.child.exited).toEqual({ code: 0, signal: null });
      expect(client.count(GNUTLS_SAYS.closed)).toBe(1);
      await expectOrderly(flows[0]!);
    });
  });
});

describe('another handshake is refused', { timeout: PATIENCE_MS }, () => {
  test.each(
    GNUTLS_VERSIONS,
  )('our server, %s: the connection goes on, until it is asked for too often', async (version) => {
    await withOurs(async (ours) => {
      const { port, flows } = await ours.serve(['RC4-MD5'], traffic(0, BYTES));
      const options = { port, version, suite: 'RC4-MD5', commands: true } as const;
      const { client } = await startGnutlsClient(workshop, options);
      client.child.write('^renegotiate^\n');
      // It takes the refusal for a reason to ask again, and stays when it is cut off.
      await until('it is cut off', () => client.count(GNUTLS_SAYS.cutOff) === 1, PATIENCE_MS);
      expect(client.count(GNUTLS_SAYS.refused)).toBe(4);
      expect((await flows[0]!.whenClosed)?.code).toBe('TLS_UNEXPECTED_MESSAGE');
      await client.child.stop();
    });
  });

  test.each(GNUTLS_VERSIONS)('our client, %s: what comes behind the wish for one still arrives', async (version) => {
    await withOurs(async (ours) => {
      const { server, port } = await startGnutlsServer(workshop, version, 'AES256-SHA');
      const [wish, answer] = [Buffer.from('**REHANDSHAKE**\n'), Buffer.from('Successfully executed command\n')];
      const flow = ours.call(
        port,
        {
          ...{ send: new Content(wish), sendBytes: wish.length },
          ...{ receive: new Content(answer), receiveBytes: answer.length },
        },
        dialerOf(['AES256-SHA']),
      );
      await flow.done;
      // It takes the refusal for an error of its own.
      await flow.whenClosed;
      expect(flow.tls?.failure).toBeUndefined();
      await server.child.stop();
      expect(server.count(GNUTLS_SAYS.refused)).toBe(1);
    });
  });
});

function traffic(sendBytes: number, receiveBytes: number): Traffic {
  return { send: DOWN, sendBytes, receive: UP, receiveBytes };
}
