/** Who may enter a hub, and with what: `protocol/control-plane.md` §4.2 to §4.6, §5.1, §7 and §9. */
import { X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import type { ClientCredential, ClientLogin } from '../../engine/login/client-login.ts';
import { ERROR_AUTO_DISCONNECTED } from '../../engine/login/errors.ts';
import { writePackRequest, writeSignature } from '../../engine/login/exchange.ts';
import type { SessionWishes } from '../../engine/login/login-request.ts';
import { hashedPassword } from '../../engine/login/password.ts';
import { PackBuilder } from '../../engine/pack/builder.ts';
import type { HubOptions, UserOptions } from '../../engine/server/options.ts';
import { certificates } from '../../hosts/shared/certificates.ts';
import { makeCertificate, type TestCertificate } from '../support/certificate.ts';
import { sha0 } from '../support/sha0.ts';
import { packOf, response } from '../unit/login-harness.ts';
import { SimLab, text } from './lab.ts';
import { RawClient, WISHES } from './raw-client.ts';

/** The wall clock of the simulator when it starts. */
const NOW = 1_790_000_000_000;
const HASH = hashedPassword(sha0, text('secret'), 'alice');
const RIGHT = (): ClientCredential => ({ kind: 'password', password: text('secret') });

async function serving(users: readonly UserOptions[], hub: Partial<HubOptions> = {}): Promise<SimLab> {
  const lab = new SimLab();
  await lab.serve({ hubs: [{ name: 'lab', stormLimit: 32, users, taps: [], ...hub }] });
  return lab;
}

async function codeOf(lab: SimLab, login: Partial<ClientLogin>, address?: string): Promise<number> {
  const { outcome } = await RawClient.loginAs(lab, login, address);
  if (outcome?.kind === 'welcome') return 0;
  return outcome?.kind === 'refused' ? outcome.code : -1;
}

/** What alice is granted. */
async function welcome(
  policy: NonNullable<UserOptions['policy']>,
  wishes: Partial<SessionWishes> = {},
  address?: string,
) {
  const lab = await serving([{ name: 'alice', passwordHash: HASH, policy }]);
  const login = { userName: 'alice', credential: RIGHT(), wishes: { ...WISHES, ...wishes } };
  const { outcome } = await RawClient.loginAs(lab, login, address);
  return outcome?.kind === 'welcome' ? outcome.welcome : { refused: outcome?.kind === 'refused' && outcome.code };
}

describe('a policy', () => {
  test('that nobody set is the default one, of a station that is no bridge', async () => {
    expect(await welcome({})).toMatchObject({
      timeoutMs: 20_000,
      policy: { Access: true, NoBridge: true, NoRouting: true, MonitorPort: false, MaxConnection: 32, TimeOut: 20 },
    });
    expect(await welcome({}, { bridgeMode: true })).toMatchObject({ policy: { NoBridge: false, NoRouting: false } });
  });

  test('decides about the session', async () => {
    const policy = { TimeOut: 7, MaxConnection: 3, VLanId: 12, NoQoS: true, MaxUpload: 1_000_000, DHCPFilter: true };
    expect(await welcome(policy, { maxConnection: 8, qos: true })).toMatchObject({
      timeoutMs: 7_000,
      maxConnection: 3,
      vlanId: 12,
      qos: false,
      policy: { ...policy, NoBridge: true },
    });
  });

  test('of MaxConnection is a limit below that of the server, never above it', async () => {
    const lab = new SimLab();
    const users = [
      { name: 'alice', policy: { MaxConnection: 32 } },
      { name: 'bob', policy: { MaxConnection: 2 } },
    ];
    await lab.serve({ maxConnections: 4, hubs: [{ name: 'lab', stormLimit: 32, users, taps: [] }] });
    for (const [userName, most] of [
      ['alice', 4],
      ['bob', 2],
    ] as const) {
      const { outcome } = await RawClient.loginAs(lab, { userName, wishes: { ...WISHES, maxConnection: 32 } });
      expect(outcome).toMatchObject({ welcome: { maxConnection: most, policy: { MaxConnection: most } } });
    }
  });

  test('without Access is 12, but only for who has the password', async () => {
    const lab = await serving([{ name: 'alice', passwordHash: HASH, policy: { Access: false } }]);
    expect(await codeOf(lab, { userName: 'alice', credential: RIGHT() })).toBe(12);
    expect(await codeOf(lab, { userName: 'alice', credential: { kind: 'password', password: text('x') } })).toBe(9);
  });

  test('of monitor mode is needed for that, and shown only then', async () => {
    expect(await welcome({}, { monitorMode: true })).toEqual({ refused: 107 });
    expect(await welcome({ MonitorPort: true }, { monitorMode: true, qos: true })).toMatchObject({
      qos: false,
      policy: { MonitorPort: true },
    });
    expect(await welcome({ MonitorPort: true })).toMatchObject({ policy: { MonitorPort: false } });
  });

  test('against bridges and routers refuses bridge mode only when it is against both', async () => {
    const bridge = { bridgeMode: true };
    expect(await welcome({ NoBridge: true, NoRouting: true }, bridge)).toEqual({ refused: 108 });
    expect(await welcome({ NoBridge: true }, bridge)).toMatchObject({ policy: { NoBridge: true, NoRouting: false } });
    expect(await welcome({ NoRouting: true }, bridge)).toMatchObject({ policy: { NoBridge: false, NoRouting: true } });
    expect(await welcome({ NoBridge: true, NoRouting: true })).toMatchObject({ policy: { NoBridge: true } });
  });

  test('does not hold a session on the same machine to be one station, and forbids there what it forbids', async () => {
    expect(await welcome({}, {}, '10.0.0.1')).toMatchObject({ policy: { NoBridge: false, NoRouting: false } });
    expect(await welcome({}, {}, '127.0.0.1')).toMatchObject({ policy: { NoBridge: false, NoRouting: false } });
    expect(await welcome({ NoBridge: true }, {}, '10.0.0.1')).toMatchObject({
      policy: { NoBridge: true, NoRouting: false },
    });
  });
});

describe('an account', () => {
  const users: UserOptions[] = [
    { name: 'alice', passwordHash: HASH, disabled: true },
    { name: 'guest', disabled: true },
    { name: 'ended', expires: NOW },
    { name: 'ends', expires: NOW + 60_000 },
  ];

  test('that is switched off or has ended is 12', async () => {
    const lab = await serving(users);
    expect(await codeOf(lab, { userName: 'alice', credential: RIGHT() })).toBe(12);
    expect(await codeOf(lab, { userName: 'guest' })).toBe(12);
    expect(await codeOf(lab, { userName: 'ended' })).toBe(12);
    expect(await codeOf(lab, { userName: 'ends' })).toBe(0);
  });

  test('that ends takes its sessions with it', async () => {
    const lab = await serving(users);
    const client = await lab.connected({ user: 'ends' });
    await lab.world.run(50_000);
    expect(lab.server.status().hubs[0]?.sessions).toHaveLength(1);
    await lab.world.until(() => client.end !== undefined);
    expect(client.end).toMatchObject({ kind: 'refused', code: 12 });
    expect(lab.server.status().hubs[0]?.sessions).toEqual([]);
    expect(lab.serverHost.lines.find(({ message }) => message === 'session closed')?.fields).toMatchObject({
      cause: 'the account has expired',
    });
  });
});

describe('AutoDisconnect', () => {
  const users = [{ name: 'guest', policy: { AutoDisconnect: 30 } }];

  test('is kept to by our client, which does not come back', async () => {
    const lab = await serving(users);
    // Not even one that was told to try again whatever the answer is.
    const client = await lab.connected({ stubborn: true });
    await lab.world.run(29_000);
    expect(client.end).toBeUndefined();
    await lab.world.run(2_000);
    expect(client.end).toMatchObject({ kind: 'refused', code: ERROR_AUTO_DISCONNECTED });
    await lab.world.run(60_000);
    expect(client.events.filter(({ kind }) => kind === 'connecting')).toHaveLength(1);
    expect(lab.server.status().hubs[0]?.sessions).toEqual([]);
  });

  test('is enforced upon a client that does not', async () => {
    const lab = await serving(users);
    const client = await RawClient.login(lab);
    await lab.world.run(19_000);
    // A keep-alive of no bytes, so that it is not silence that ends the session.
    client.send(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0));
    await lab.world.run(14_000);
    expect(client.gone).toBe(false);
    await lab.world.run(3_000);
    expect(client.gone).toBe(true);
  });
});

test('NoSavePassword is said by the client, once', async () => {
  const lab = await serving([{ name: 'guest', policy: { NoSavePassword: true } }]);
  const client = await lab.connected();
  const said = client.host.lines.filter(({ message }) => message.includes('not to be kept in a file'));
  expect(said).toHaveLength(1);
});

describe('MultiLogins', () => {
  const nodeOf = (id: number) => ({
    hostName: 'h',
    osName: 'Linux',
    osVersion: '1',
    uniqueId: new Uint8Array(16).fill(id),
    serverHostName: 's',
  });
  const loginFrom = (id: number): Partial<ClientLogin> => ({ userName: 'Guest ', node: nodeOf(id) });

  test('counts the sessions of a user, but not those of the same installation', async () => {
    const lab = await serving([{ name: 'guest', policy: { MultiLogins: 2 } }, { name: 'other' }]);
    await RawClient.loginAs(lab, { userName: 'other', node: nodeOf(9) });
    expect(await codeOf(lab, loginFrom(1))).toBe(0);
    expect(await codeOf(lab, loginFrom(1))).toBe(0);
    expect(await codeOf(lab, loginFrom(1))).toBe(0);
    expect(await codeOf(lab, loginFrom(2))).toBe(20);
    // Who does not say where it is counts always.
    expect(await codeOf(lab, loginFrom(0))).toBe(20);
    expect(await codeOf(lab, { userName: 'guest' })).toBe(20);
  });

  test('holds when two are let in at the same time', async () => {
    const lab = await serving([{ name: 'guest', policy: { MultiLogins: 1 } }]);
    const link = { latencyMs: 50, pieces: 'whole' as const, window: 0x40000 };
    lab.net.link = link;
    const both = [1, 2].map((id) => RawClient.startLogin(lab, loginFrom(id)));
    await lab.world.run(120);
    // The logins are on their way; from here on either answer takes a while to leave.
    link.window = 0x200;
    await lab.world.run(5_000);
    expect(both.map(({ outcome }) => outcome?.kind)).toContain('welcome');
    expect(lab.server.status().hubs[0]?.sessions).toHaveLength(1);
  });

  test('counts anew when a session has ended', async () => {
    const lab = await serving([{ name: 'guest', policy: { MultiLogins: 1 } }]);
    const first = await lab.connected();
    expect(await codeOf(lab, loginFrom(2))).toBe(20);
    await first.client.close();
    await lab.world.run(30_000);
    expect(await codeOf(lab, loginFrom(2))).toBe(0);
  });
});

describe('a certificate', () => {
  let alice: TestCertificate;
  let other: TestCertificate;
  let ca: TestCertificate;
  let carol: TestCertificate;
  const made: Record<string, TestCertificate> = {};

  const der = ({ certificate }: TestCertificate) => new Uint8Array(new X509Certificate(certificate).raw);
  const credential = (of: TestCertificate, keyOf = of): ClientCredential => ({
    kind: 'certificate',
    certificate: der(of),
    key: certificates.rsaKey(keyOf.key)!,
  });

  beforeAll(() => {
    alice = makeCertificate({ names: ['alice'], now: NOW });
    other = makeCertificate({ names: ['alice'], now: NOW });
    ca = makeCertificate({ ca: true, now: NOW });
    carol = makeCertificate({ names: ['Carol Ä'], issuer: ca, now: NOW });
    made.short = makeCertificate({ names: ['short'], bits: 1024, now: NOW });
    made.odd = makeCertificate({ names: ['odd'], bits: 1280, now: NOW });
    made.expired = makeCertificate({ names: ['alice'], expired: true, issuer: ca, now: NOW });
    made.early = makeCertificate({ names: ['alice'], issuer: ca, now: NOW + 30 * 86_400_000 });
    made.server = makeCertificate({ names: ['Carol Ä'], issuer: ca, usages: ['serverAuth'], now: NOW });
    made.client = makeCertificate({ names: ['Carol Ä'], issuer: ca, usages: ['serverAuth', 'clientAuth'], now: NOW });
  });

  test('of the user is let in with its own key only', async () => {
    const lab = await serving([
      { name: 'alice', certificate: der(alice) },
      { name: 'short', certificate: der(made.short!) },
      { name: 'odd', certificate: der(made.odd!) },
      { name: 'old', certificate: der(made.expired!) },
      { name: 'paul', passwordHash: HASH },
      { name: 'guest' },
    ]);
    const as = (userName: string, by: ClientCredential) =>
      codeOf(lab, { userName, credential: by }, `10.9.0.${++from}`);
    let from = 0;
    expect(await as('alice', credential(alice))).toBe(0);
    expect(await as('ALICE', credential(alice))).toBe(0);
    expect(await as('alice', credential(other))).toBe(9);
    expect(await as('alice', credential(alice, other))).toBe(9);
    expect(await as('short', credential(made.short!))).toBe(0);
    expect(await as('odd', credential(made.odd!))).toBe(9);
    expect(await as('old', credential(made.expired!))).toBe(9);
    expect(await as('nobody', credential(alice))).toBe(9);
    expect(await as('paul', credential(alice))).toBe(9);
    expect(await as('guest', credential(other))).toBe(0);
    expect(await as('alice', { kind: 'password', password: text('secret') })).toBe(9);
    expect(await as('alice', { kind: 'hash', hash: new Uint8Array(20) })).toBe(9);
    expect(await as('alice', { kind: 'plain', password: text('') })).toBe(9);
    expect(await as('alice', { kind: 'anonymous' })).toBe(9);
    const pem: ClientCredential = { ...credential(alice), certificate: text(alice.certificate) } as ClientCredential;
    expect(await as('alice', pem)).toBe(9);
  });

  test('that a CA of the hub has issued is let in by its name and number', async () => {
    const { serialNumber } = new X509Certificate(carol.certificate);
    const lab = await serving(
      [
        { name: 'any', ca: {} },
        { name: 'name', ca: { commonName: 'Carol Ä' } },
        { name: 'wrong name', ca: { commonName: 'carol ä' } },
        { name: 'number', ca: { serial: serialNumber.toLowerCase().replace(/^0+/, '') } },
        { name: 'wrong number', ca: { commonName: 'Carol Ä', serial: 'abc' } },
      ],
      { cas: [der(makeCertificate({ ca: true, now: NOW })), der(ca)] },
    );
    let from = 0;
    const as = (userName: string, by = carol) =>
      codeOf(lab, { userName, credential: credential(by) }, `10.9.0.${++from}`);
    expect(await as('any')).toBe(0);
    expect(await as('name')).toBe(0);
    expect(await as('wrong name')).toBe(9);
    expect(await as('number')).toBe(0);
    expect(await as('wrong number')).toBe(9);
    expect(await as('any', alice)).toBe(9);
    expect(await as('any', made.expired)).toBe(9);
    expect(await as('any', made.early)).toBe(9);
    expect(await as('any', made.server)).toBe(9);
    expect(await as('any', made.client)).toBe(0);
  });

  test('is not let in by a CA that is no more, or by one of another hub', async () => {
    const old = makeCertificate({ ca: true, expired: true, now: NOW });
    const under = makeCertificate({ names: ['x'], issuer: old, now: NOW });
    const lab = new SimLab();
    const users = [{ name: 'any', ca: {} }];
    const common = { stormLimit: 32, taps: [], users };
    await lab.serve({
      hubs: [
        { name: 'lab', cas: [der(old)], ...common },
        { name: 'two', cas: [der(ca)], ...common },
      ],
    });
    expect(await codeOf(lab, { userName: 'any', credential: credential(under) })).toBe(9);
    expect(await codeOf(lab, { userName: 'any', credential: credential(carol) })).toBe(9);
    expect(await codeOf(lab, { hubName: 'TWO', userName: 'any', credential: credential(carol) })).toBe(0);
  });

  test('is what our client signs in with, again and again', async () => {
    const lab = await serving([{ name: 'alice', certificate: der(alice) }]);
    const client = await lab.connected({ user: 'alice', credential: credential(alice) as never });
    lab.net.connections.at(-1)!.server.abort();
    await lab.world.until(() => client.events.some(({ kind }) => kind === 'interrupted'));
    await lab.world.run(5_000);
    await client.client.close();
    expect(lab.server.status().logins).toMatchObject({ failures: 0 });
  });
});

describe('the order of the checks', () => {
  const bad: UserOptions = {
    name: 'alice',
    passwordHash: HASH,
    disabled: true,
    policy: { Access: false, NoBridge: true, NoRouting: true, MultiLogins: 1 },
  };
  const wishes = { ...WISHES, monitorMode: true, bridgeMode: true };

  test('is hub, proof, access, monitor, bridge, sessions of the user', async () => {
    const login = (): Partial<ClientLogin> => ({ userName: 'alice', credential: RIGHT(), wishes });
    const lab = await serving([bad]);
    expect(await codeOf(lab, { ...login(), hubName: 'nowhere' })).toBe(8);
    expect(await codeOf(lab, { ...login(), credential: { kind: 'password', password: text('x') } })).toBe(9);
    expect(await codeOf(lab, login())).toBe(12);

    const { Access: _, ...rest } = bad.policy!;
    const open = await serving([{ ...bad, disabled: false, policy: { ...rest, MultiLogins: 1 } }]);
    await RawClient.loginAs(open, { userName: 'alice', credential: RIGHT() });
    expect(await codeOf(open, login())).toBe(107);
    expect(await codeOf(open, { ...login(), wishes: { ...wishes, monitorMode: false } })).toBe(108);
    expect(await codeOf(open, { ...login(), wishes: WISHES })).toBe(20);
  });
});

describe('a password that is to be changed', () => {
  async function change(hubName: string, userName: string): Promise<number> {
    const lab = await serving([{ name: 'alice', passwordHash: HASH }]);
    const client = RawClient.dial(lab);
    client.send(writeSignature('10.0.0.1'));
    await lab.world.run(100);
    const builder = new PackBuilder().str('method', 'password').str('hubname', hubName).str('username', userName);
    builder.data('secure_old_password', new Uint8Array(20)).data('new_password', new Uint8Array(20));
    client.send(writePackRequest(builder, '10.0.0.1', (count) => new Uint8Array(count), NOW));
    await lab.world.run(100);
    return packOf(response(Uint8Array.from(client.received)).rest).int('error');
  }

  test('is not: the file that has it belongs to an administrator, and nobody learns who is in it', async () => {
    expect(await change('LAB', 'alice')).toBe(52);
    expect(await change('lab', 'nobody')).toBe(52);
    expect(await change('other', 'alice')).toBe(8);
  });
});
