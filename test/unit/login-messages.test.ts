import { describe, expect, it } from 'vitest';
import {
  buildAdditional,
  buildAdditionalReply,
  readAdditional,
  readAdditionalReply,
} from '../../engine/login/additional.ts';
import { grantedConnections, usableConnections } from '../../engine/login/connections.ts';
import { describeError } from '../../engine/login/errors.ts';
import { buildHello, readHello } from '../../engine/login/hello.ts';
import { asksForBridge, buildLogin, type LoginRequest, readLogin } from '../../engine/login/login-request.ts';
import { agreedExtensions, ownExtensions, portAbilities } from '../../engine/login/own-extensions.ts';
import { DEFAULT_POLICY, getPolicy, POLICY_FLAGS, POLICY_NUMBERS, putPolicy } from '../../engine/login/policy.ts';
import { buildRefusal, type MessageError } from '../../engine/login/reply.ts';
import { buildWelcome, readWelcome, type Welcome } from '../../engine/login/welcome.ts';
import { PackBuilder } from '../../engine/pack/builder.ts';
import { decodePack } from '../../engine/pack/decode.ts';
import { encodePack } from '../../engine/pack/encode.ts';
import type { Pack } from '../../engine/pack/pack.ts';
import { PRODUCT } from '../../engine/product.ts';
import { login, utf8, welcome } from './login-harness.ts';
import { fromHex, toHex, vector, vectors } from './pack-vectors.ts';

const MINIMAL = 'session-minimal.txt';
const [realHello, realLogin, realWelcome] = vectors('session-real-client.txt').filter((each) =>
  each.title.startsWith('body ('),
);

function pack(bytes: Uint8Array): Pack {
  const decoded = decodePack(bytes);
  if (!decoded.ok) throw new Error(decoded.cause);
  return decoded.pack;
}

function good<T extends object>(message: T | MessageError): T {
  if ('cause' in message) throw new Error(message.cause);
  return message as T;
}

/** The same bytes as a capture, whose pencore is given to the builder. */
function same(builder: PackBuilder, bytes: Uint8Array): void {
  const built = encodePack(builder.data('pencore', pack(bytes).data('pencore')).build());
  expect(toHex(built)).toBe(toHex(bytes));
}

/** The same elements as a capture has of them, in any order. */
function sameElements(builder: PackBuilder, bytes: Uint8Array): void {
  const real = new Map(pack(bytes).elements.map((element) => [element.name, element]));
  for (const element of builder.build().elements) expect(element).toEqual(real.get(element.name));
}

describe('hello', () => {
  it.each([
    ['minimal', vector(MINIMAL, /hello/)],
    ['real', realHello!.bytes],
  ])('is read and written as in the %s session', (_what, bytes) => {
    const hello = good(readHello(pack(bytes)));
    expect(hello).toMatchObject({
      server: 'SoftEther VPN Server Developer Edition (64 bit) (Open Source)',
      version: 501,
      build: 9674,
    });
    same(buildHello(hello), bytes);
  });

  it('needs a text and 20 bytes', () => {
    const challenge = new Uint8Array(20);
    expect(readHello(new PackBuilder().data('random', challenge).build())).toMatchObject({ code: 2 });
    expect(readHello(new PackBuilder().str('hello', 'x').build())).toMatchObject({ code: 2 });
    const short = new PackBuilder().str('hello', 'x').data('random', new Uint8Array(19)).build();
    expect(readHello(short)).toMatchObject({ code: 2 });
    const failed = new PackBuilder().str('hello', 'x').data('random', challenge).int('error', 105).build();
    expect(readHello(failed)).toMatchObject({ code: 105 });
    expect(readHello(new PackBuilder().str('hello', 'x').data('random', challenge).build())).toEqual({
      server: 'x',
      version: 0,
      build: 0,
      challenge,
    });
    expect(() => buildHello({ server: 'x', version: 1, build: 1, challenge: new Uint8Array(19) })).toThrow(RangeError);
  });
});

describe('login', () => {
  it('is read and written as in the minimal session', () => {
    const bytes = vector(MINIMAL, /login Pack/);
    const request = good(readLogin(pack(bytes)));
    expect(request).toEqual({
      hubName: 'TESTHUB',
      userName: 'alice',
      credential: { kind: 'hashed', securePassword: fromHex('7702cafc851f8be483cf41f62ecb8807e83e6d35') },
      clientName: 'SoftEther VPN Client Developer Edition',
      clientVersion: 502,
      clientBuild: 5180,
      displayName: 'SoftEther VPN Client Developer Edition',
      clientId: 0,
      uniqueId: new Uint8Array(20).fill(0x11),
      maxConnection: 8,
      useEncrypt: true,
      useCompress: false,
      halfConnection: false,
      qos: false,
      bridgeMode: false,
      monitorMode: false,
      nodeInfo: undefined,
      osInfo: undefined,
      extensions: new Map(),
    });
    same(buildLogin(request), bytes);
  });

  it('is read and written as by the real client', () => {
    const request = good(readLogin(pack(realLogin!.bytes)));
    expect(request).toMatchObject({
      hubName: 'TESTHUB',
      userName: 'alice',
      credential: { securePassword: fromHex('872830c0b7d32720ef7da77455725f8994b5c90d') },
      maxConnection: 1,
      useEncrypt: true,
      qos: true,
      clientVersion: 501,
      clientBuild: 9674,
      nodeInfo: {
        clientProductName: 'SoftEther VPN Client Developer Edition',
        clientProductVersion: 501,
        clientProductBuild: 9674,
        clientOsName: 'Debian GNU/Linux',
        clientOsVersion: '12 (bookworm)',
        clientOsProductId: '--',
        clientHostName: 'vm',
        clientAddress: '10.99.0.200',
        serverProductVersion: 501,
        serverHostName: '10.99.0.200',
        serverAddress: '10.99.0.200',
        serverPort: 0x199b,
        proxyHostName: '',
        proxyAddress: '0.0.0.0',
        proxyPort: 0,
        uniqueId: fromHex('1d2274130d51a762856283ba95ed7f96'),
      },
      osInfo: { isWindows: false, major: 0, title: 'Debian GNU/Linux' },
    });
    const rebuilt = buildLogin(request);
    sameElements(rebuilt, realLogin!.bytes);
    const missing = pack(realLogin!.bytes)
      .elements.map((element) => element.name)
      .filter((name) => !rebuilt.build().has(name) && !/udp|pencore/i.test(name));
    expect(missing).toEqual([]);
  });

  it('takes what is absent as the server does', () => {
    const request = readLogin(new PackBuilder().str('hubname', 'h').str('username', 'u').build());
    expect(request).toEqual({
      hubName: 'h',
      userName: 'u',
      credential: { kind: 'anonymous' },
      clientName: '',
      clientVersion: 0,
      clientBuild: 0,
      displayName: 'Unknown',
      clientId: 0,
      uniqueId: new Uint8Array(0),
      maxConnection: 1,
      useEncrypt: false,
      useCompress: false,
      halfConnection: false,
      qos: false,
      bridgeMode: false,
      monitorMode: false,
      nodeInfo: undefined,
      osInfo: undefined,
      extensions: new Map(),
    } satisfies LoginRequest);
  });

  it('needs a hub and a user, of the right type, and no error', () => {
    const builder = () => new PackBuilder().str('hubname', 'h');
    expect(readLogin(builder().build())).toMatchObject({ code: 4 });
    expect(readLogin(new PackBuilder().str('username', 'u').build())).toMatchObject({ code: 4 });
    expect(readLogin(builder().uni('username', 'u').build())).toMatchObject({ code: 4 });
    expect(readLogin(builder().str('username', ' \t').build())).toMatchObject({ code: 4 });
    expect(readLogin(builder().str('username', 'u').int('error', 6).build())).toMatchObject({ code: 6 });
  });

  it.each([
    [{ kind: 'anonymous' }],
    [{ kind: 'hashed', securePassword: new Uint8Array(20).fill(3) }],
    [{ kind: 'hashed', securePassword: new Uint8Array(3) }],
    [{ kind: 'plain', password: utf8('Pässwörd') }],
    [{ kind: 'certificate', certificate: Uint8Array.of(0x30), signature: Uint8Array.of(1) }],
    [{ kind: 'ticket', ticket: new Uint8Array(20) }],
    [{ kind: 'unsupported', authType: 96 }],
  ] as const)('carries the credential %j', (credential) => {
    const request = good(readLogin(pack(vector(MINIMAL, /login Pack/))));
    const wire = pack(encodePack(buildLogin({ ...request, credential }).build()));
    expect(readLogin(wire)).toEqual({ ...request, credential });
  });

  it('asks for bridge mode by its name as well', () => {
    expect(asksForBridge(PRODUCT.cascadeName)).toBe(true);
    expect(asksForBridge(PRODUCT.clientName)).toBe(false);
    const named = new PackBuilder().str('hubname', 'h').str('username', 'u').str('client_str', 'my BRIDGE').build();
    expect(readLogin(named)).toMatchObject({ bridgeMode: true });
    // `hello` replaces the name in logs, not here.
    const hello = new PackBuilder().str('hubname', 'h').str('username', 'u').str('hello', 'Server').build();
    expect(readLogin(hello)).toMatchObject({ bridgeMode: false, displayName: 'Server' });
  });

  it('bounds the number of connections', () => {
    const asking = (count: number) =>
      new PackBuilder().str('hubname', 'h').str('username', 'u').int('max_connection', count).build();
    expect([0, 1, 32, 33, 0xffffffff].map((count) => good(readLogin(asking(count))).maxConnection)).toEqual([
      1, 1, 32, 32, 32,
    ]);
  });
});

describe('what own peers agree on', () => {
  const circumstances = { compress: false, connections: 8, windowsFree: 0 };

  it('sends batches again only where they are put in order', () => {
    const all = agreedExtensions(ownExtensions(circumstances), circumstances);
    expect(portAbilities(all, false, 8)).toMatchObject({ orders: true, resends: true });
    expect(portAbilities(new Map([['order', 1]]), false, 8)).toMatchObject({ orders: true, resends: false });
    expect(portAbilities(new Map([['resend', 1]]), false, 8)).toMatchObject({ orders: false, resends: false });
    expect(portAbilities(new Map(), false, 8)).toMatchObject({ orders: false, resends: false });
  });
});

describe('extensions', () => {
  const extensions = new Map([
    ['offload', 1],
    ['reorder', 2],
  ]);

  it('travel in login and welcome', () => {
    const request = good(readLogin(pack(vector(MINIMAL, /login Pack/))));
    const wire = pack(encodePack(buildLogin({ ...request, extensions }).build()));
    expect(wire.int('etherloom_offload')).toBe(1);
    expect(good(readLogin(wire)).extensions).toEqual(extensions);
    expect(good(readWelcome(buildWelcome({ ...welcome(), extensions }).build())).extensions).toEqual(extensions);
  });

  it('are INTs other than 0, and not too many', () => {
    const builder = new PackBuilder().str('hubname', 'h').str('username', 'u').int('Etherloom_A', 3);
    builder.int('etherloom_zero', 0).str('etherloom_text', 'x').int('other_b', 1);
    expect(good(readLogin(builder.build())).extensions).toEqual(new Map([['a', 3]]));
    for (let index = 0; index < 100; index += 1) builder.int(`etherloom_x${index}`, 1);
    expect(good(readLogin(builder.build())).extensions.size).toBe(32);
  });
});

describe('welcome', () => {
  it('is read and written as in the minimal session', () => {
    const bytes = vector(MINIMAL, /welcome/);
    const read = good(readWelcome(pack(bytes)));
    expect(read).toMatchObject({
      sessionName: 'SID-ALICE-1',
      connectionName: 'CID-229',
      sessionKey: fromHex('1fc131027959db54f43515511cc708ff8640da15'),
      sessionKey32: 0xd194c6d3,
      maxConnection: 8,
      useEncrypt: true,
      timeoutMs: 20_000,
      message: '',
      policy: DEFAULT_POLICY,
    });
    same(buildWelcome(read), bytes);
  });

  it('is read and written as by the real server', () => {
    const read = good(readWelcome(pack(realWelcome!.bytes)));
    expect(read).toMatchObject({ sessionName: 'SID-ALICE-62', connectionName: 'CID-167', maxConnection: 2, qos: true });
    sameElements(buildWelcome(read), realWelcome!.bytes);
  });

  it('may have nothing but names and a key', () => {
    const least = () =>
      new PackBuilder().str('session_name', 's').str('connection_name', 'c').data('session_key', new Uint8Array(20));
    const read: Welcome = good(readWelcome(least().build()));
    expect(read).toMatchObject({ maxConnection: 0, useEncrypt: false, timeoutMs: 20_000, message: '' });
    expect(Object.values(read.policy).every((each) => each === 0 || each === false)).toBe(true);
    const timeouts = [1, 4999, 5000, 60_000, 60_001, 0xffffffff];
    expect(timeouts.map((ms) => good(readWelcome(least().int('timeout', ms).build())).timeoutMs)).toEqual([
      5000, 5000, 5000, 60_000, 60_000, 60_000,
    ]);
    expect(readWelcome(new PackBuilder().str('session_name', 's').str('connection_name', 'c').build())).toMatchObject({
      code: 4,
    });
    expect(
      readWelcome(new PackBuilder().str('session_name', 's').data('session_key', new Uint8Array(20)).build()),
    ).toMatchObject({ code: 4 });
  });

  it('carries a text for people', () => {
    const read = good(readWelcome(pack(encodePack(buildWelcome(welcome()).build()))));
    expect(read).toEqual(welcome());
  });

  it('is never written so that a peer divides by zero', () => {
    for (const timeoutMs of [0, 1, 4999, 60_001, Number.NaN]) {
      expect(() => buildWelcome({ ...welcome(), timeoutMs })).toThrow(RangeError);
    }
    expect(() => buildWelcome({ ...welcome(), sessionKey: new Uint8Array(19) })).toThrow(RangeError);
    expect(() => buildWelcome({ ...welcome(), sessionName: '' })).toThrow(RangeError);
  });
});

describe('policy', () => {
  it('has 39 elements', () => {
    expect(POLICY_FLAGS.length + POLICY_NUMBERS.length).toBe(39);
    expect(putPolicy(new PackBuilder(), DEFAULT_POLICY).build().elements).toHaveLength(39);
  });

  it('comes back as it went', () => {
    const policy = { ...DEFAULT_POLICY, Access: false, NoBridge: true, MaxUpload: 1_000_000, VLanId: 7 };
    expect(getPolicy(putPolicy(new PackBuilder(), policy).build())).toEqual(policy);
  });
});

describe('additional connections', () => {
  it('are asked for as in the captures', () => {
    const bytes = vector('additional-connect.txt', /^request, complete/);
    const request = good(readAdditional(pack(bytes)));
    expect(request.clientBuild).toBe(9674);
    same(buildAdditional(request), bytes);
    const real = vector('additional-connect.txt', /real client/);
    sameElements(buildAdditional(good(readAdditional(pack(real)))), real);
  });

  it.each([
    [/direction=0/, 0],
    [/direction=1/, 1],
    [/its response/, 0],
  ] as const)('are granted as in the captures: %s', (title, direction) => {
    const bytes = vector('additional-connect.txt', title);
    expect(readAdditionalReply(pack(bytes))).toEqual({ direction });
    same(buildAdditionalReply(direction), bytes);
  });

  it('are refused as in the captures', () => {
    same(buildRefusal(13), vector('additional-connect.txt', /error 13/));
    same(buildRefusal(9), vector('errors.txt', /error 9/));
    expect(() => buildRefusal(0)).toThrow(RangeError);
  });

  it('need a key of 20 bytes and a direction that exists', () => {
    expect(readAdditional(new PackBuilder().data('session_key', new Uint8Array(21)).build())).toMatchObject({
      code: 4,
    });
    expect(readAdditional(new PackBuilder().build())).toMatchObject({ code: 4 });
    expect(readAdditionalReply(new PackBuilder().int('direction', 3).build())).toMatchObject({ code: 4 });
    expect(readAdditionalReply(new PackBuilder().build())).toEqual({ direction: 0 });
  });
});

describe('the number of connections', () => {
  const granted = (maxConnection: number, policyMax: number, qos: boolean, halfConnection: boolean) =>
    grantedConnections({ ...login().wishes, maxConnection, qos, halfConnection }, policyMax);

  it('is granted within wish and policy, and as many as the modes need', () => {
    expect([granted(8, 32, false, false), granted(8, 3, false, false), granted(32, 32, true, true)]).toEqual([
      8, 3, 32,
    ]);
    expect([granted(1, 32, true, false), granted(1, 32, false, true), granted(1, 1, true, true)]).toEqual([2, 2, 4]);
  });

  it('is used within setting and welcome', () => {
    const used = (own: number, maxConnection: number, qos = false, halfConnection = false) =>
      usableConnections(own, { maxConnection, qos, halfConnection });
    expect([used(8, 2), used(2, 8), used(8, 0), used(32, 100), used(1, 2, true), used(1, 4, true, true)]).toEqual([
      2, 2, 1, 32, 2, 4,
    ]);
  });
});

describe('errors', () => {
  it('are told apart by whether waiting helps', () => {
    for (const code of [7, 8, 9, 12, 87, 107, 108]) expect(describeError(code).permanent, `${code}`).toBe(true);
    for (const code of [1, 3, 10, 13, 14, 15, 16, 20, 105])
      expect(describeError(code).permanent, `${code}`).toBe(false);
  });

  it('have words for people, known or not', () => {
    expect(describeError(9)).toEqual({
      code: 9,
      name: 'auth-failed',
      message: 'The user name, the password or the certificate is wrong.',
      permanent: true,
    });
    expect(describeError(4000000000)).toMatchObject({ name: 'error-4000000000', permanent: false });
  });
});
