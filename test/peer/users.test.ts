/** Who may enter: SoftEther's client at our server and our client at SoftEther's, with certificates and policies. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createUserCertificate } from '../../cli/certificate-create.ts';
import { EtherloomClient, EtherloomServer } from '../../lab/etherloom.ts';
import { Lab, type LabHost } from '../../lab/netns.ts';
import { SoftEtherClient, SoftEtherLoginError, SoftEtherServer } from '../../lab/softether.ts';
import { expectPings, ONE_SECOND } from './expect.ts';

let lab: Lab;
let [server, a]: LabHost[] = [];

beforeEach(async () => {
  lab = await Lab.create();
  const lan = await lab.addSwitch('lan');
  [server, a] = [await lab.addHost('server'), await lab.addHost('a')];
  await lab.connect(server, lan, { address: '10.77.0.1/24' });
  await lab.connect(a, lan, { address: '10.77.0.2/24' });
});

afterEach(async () => {
  await lab.close();
});

const make = (commonName: string, issuer?: { certificate: string; key: string }, ca = false) =>
  createUserCertificate({ commonName, ca, days: 30, ...(issuer === undefined ? {} : { issuer }) }, new Date());
const ca = await make('Our CA', undefined, true);
const alice = await make('alice');
const carol = await make('carol', ca);
const mallory = await make('carol');

describe.each(['node', 'bun'] as const)('on %s', (runtime) => {
  test("SoftEther's client signs in with a certificate at our server", { timeout: 90 * ONE_SECOND }, async () => {
    const ours = await EtherloomServer.start(server!, {
      runtime,
      address: '10.77.0.1',
      cas: [ca.certificate],
      users: { alice: { certificate: alice.certificate }, carol: { ca: { commonName: 'carol' } } },
      taps: { elsrv0: '10.90.0.1/24' },
    });
    const theirs = await SoftEtherClient.start(a!);
    const account = { server: '10.77.0.1:5555', hub: 'lab' };
    await theirs.createAccount({ ...account, name: 'alice', user: 'alice', auth: alice });
    await theirs.connect('alice');
    await theirs.setAddress('10.90.0.2/24');
    await expectPings(a!, '10.90.0.1');
    await theirs.disconnect('alice');

    await theirs.createAccount({ ...account, name: 'carol', user: 'carol', auth: carol });
    await theirs.connect('carol');
    await expectPings(a!, '10.90.0.1');
    await theirs.disconnect('carol');

    await theirs.createAccount({ ...account, name: 'mallory', user: 'carol', auth: mallory });
    expect(await refusal(theirs, 'mallory')).toBe(9);
    expect(await ours.stop()).toBe(0);
  });

  test("our client signs in with a certificate at SoftEther's server", { timeout: 90 * ONE_SECOND }, async () => {
    const theirs = await SoftEtherServer.start(server!, {
      hubs: [
        {
          name: 'lab',
          cas: [ca.certificate],
          users: [
            { name: 'alice', auth: { certificate: alice.certificate } },
            { name: 'carol', auth: { commonName: 'carol' } },
            { name: 'brief', policy: { AutoDisconnect: 1 } },
          ],
        },
      ],
    });
    await theirs.bridgeToTap('lab', 'srv', '10.90.0.1/24');
    const common = { runtime, server: '10.77.0.1:443', trust: 'insecure', tap: 'el0' } as const;

    for (const [user, certificate] of [
      ['alice', alice],
      ['carol', carol],
    ] as const) {
      const client = await EtherloomClient.start(a!, { ...common, user, certificate, address: '10.90.0.2/24' });
      await expectPings(a!, '10.90.0.1');
      expect(await client.stop()).toBe(0);
    }
    const refused = await EtherloomClient.run(a!, { ...common, user: 'carol', certificate: mallory });
    expect(refused.code).toBe(6);
    expect(refused.stderr).toContain('auth-failed, error 9');

    const brief = await EtherloomClient.run(a!, { ...common, user: 'brief' });
    expect(brief.code).toBe(6);
    expect(brief.stderr).toContain('auto-disconnected, error 126');
  });
});

test("SoftEther's client keeps to the policies of our server", { timeout: 120 * ONE_SECOND }, async () => {
  const ours = await EtherloomServer.start(server!, {
    address: '10.77.0.1',
    groups: { few: { multiLogins: 1, maxConnection: 4, noQos: true } },
    users: {
      station: { policy: { noBridge: true, noRouting: true } },
      gone: { password: 'gonepw', expires: '2020-12-31' },
      pair: { group: 'few' },
      brief: { policy: { autoDisconnect: 1 } },
    },
  });
  const theirs = await SoftEtherClient.start(a!);
  const account = { server: '10.77.0.1:5555', hub: 'lab' };
  await theirs.createAccount({ ...account, name: 'bridge', user: 'station', bridge: true });
  expect(await refusal(theirs, 'bridge')).toBe(108);
  await theirs.createAccount({ ...account, name: 'monitor', user: 'station', monitor: true });
  expect(await refusal(theirs, 'monitor')).toBe(107);
  await theirs.createAccount({ ...account, name: 'gone', user: 'gone', auth: { password: 'gonepw' } });
  expect(await refusal(theirs, 'gone')).toBe(12);

  await theirs.createAccount({ ...account, name: 'pair', user: 'pair', connections: 8 });
  await theirs.connect('pair');
  expect(await theirs.status('pair')).toMatchObject({ maxTcpConnections: 4, qos: false });
  // The same name from another installation.
  const options = { server: '10.77.0.1:5555', user: 'pair', trust: 'insecure', tap: 'el0' } as const;
  const second = await EtherloomClient.run(a!, { ...options, args: ['--reconnect-attempts', '0'] });
  expect(second.code).toBe(8);
  expect(second.stderr).toContain('as many sessions as the policy allows');
  await theirs.disconnect('pair');

  await theirs.createAccount({ ...account, name: 'brief', user: 'brief' });
  await theirs.connect('brief');
  const deadline = Date.now() + 30 * ONE_SECOND;
  // Those of others live on for a while without their connections.
  const sessions = async () => (await ours.status()).hubs[0]!.sessions.filter(({ user }) => user === 'brief').length;
  while ((await sessions()) > 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 200));
  expect(await sessions()).toBe(0);
  expect(await ours.stop()).toBe(0);
});

async function refusal(client: SoftEtherClient, account: string): Promise<number> {
  const thrown = await client.connect(account).catch((error: unknown) => error);
  expect(thrown, account).toBeInstanceOf(SoftEtherLoginError);
  return (thrown as SoftEtherLoginError).code;
}
