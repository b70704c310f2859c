// What a stranger, or a server, can do with texts that are longer than anybody expects.

import { describe, expect, test } from 'vitest';
import { ClientPreamble } from '../../engine/login/client-preamble.ts';
import { writePackRequest, writePackResponse, writeSignature } from '../../engine/login/exchange.ts';
import { PackBuilder } from '../../engine/pack/builder.ts';
import { PRODUCT } from '../../engine/product.ts';
import { sha0 } from '../support/sha0.ts';
import { SimLab, text } from './lab.ts';
import { RawClient } from './raw-client.ts';

describe('a login with a name of 40,000 bytes that are no UTF-8', () => {
  test('is refused like any other wrong one', async () => {
    const lab = new SimLab();
    await lab.serve();
    const client = RawClient.dial(lab);
    client.send(writeSignature('10.0.0.1'));
    const pack = new PackBuilder()
      .str('method', 'login')
      .str('hubname', 'lab')
      .str('username', new Uint8Array(40_000).fill(0xff))
      .int('authtype', 2)
      .str('plain_password', 'x');
    client.send(writePackRequest(pack, '10.0.0.1', (count) => lab.world.bytes(count), 0));
    await lab.world.run(1_000);
    // What a stranger sends does not fill the log.
    expect(JSON.stringify(lab.serverHost.lines).length).toBeLessThan(4_096);
    await lab.connected();
  });
});

describe('a server with a product name of 100,000 bytes', () => {
  test('gets a login', () => {
    const random = (count: number): Uint8Array => new Uint8Array(count);
    const preamble = new ClientPreamble(
      {
        random,
        sha0,
        utc: () => 0,
        product: PRODUCT,
        remote: { address: '10.0.0.1', port: 443 },
        local: { address: '10.0.0.2', port: 50_000 },
        purpose: {
          kind: 'login',
          hubName: 'lab',
          userName: 'guest',
          credential: { kind: 'anonymous' },
          wishes: {
            maxConnection: 1,
            useEncrypt: true,
            useCompress: false,
            halfConnection: false,
            qos: false,
            bridgeMode: false,
            monitorMode: false,
          },
          cascade: false,
          uniqueId: new Uint8Array(20),
          node: {
            hostName: 'h',
            osName: 'Linux',
            osVersion: '1',
            uniqueId: new Uint8Array(16),
            serverHostName: '10.0.0.1',
          },
          extensions: new Map(),
        },
      },
      0,
    );
    preamble.pollOutput();
    const hello = new PackBuilder()
      .str('hello', 'x'.repeat(100_000))
      .int('version', 501)
      .int('build', 9674)
      .data('random', new Uint8Array(20));
    preamble.handleBytes(writePackResponse(hello, random, 0), 1);
    expect(preamble.outcome).toBeUndefined();
    expect(preamble.pollOutput()?.length).toBeGreaterThan(100);
  });
});

describe('a client with what no server would take', () => {
  test.each([
    ['a hub of blanks', { hub: '   ' }],
    [
      'a plain password of 2,000 bytes',
      { user: 'alice', credential: { kind: 'plain', password: text('x'.repeat(2_000)) } },
    ],
    ['a plain password with a NUL', { user: 'alice', credential: { kind: 'plain', password: text('a\0b') } }],
  ] as const)('%s: is told so, before anything is dialled', async (_what, options) => {
    const lab = new SimLab();
    await lab.serve();
    expect(() => lab.connect(options)).toThrow(/^(hubName|password): expected (?!.*xxx)/);
    expect(lab.net.connections).toHaveLength(0);
  });
});
