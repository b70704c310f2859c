/** Our client behind real proxies: it has no other way to the server. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EtherloomClient, EtherloomServer } from '../../lab/etherloom.ts';
import { Lab, type LabHost } from '../../lab/netns.ts';
import { waitForPing } from '../../lab/ping.ts';
import { Dante, Microsocks, SshProxy, Tinyproxy } from '../../lab/proxies.ts';
import { SoftEtherServer } from '../../lab/softether.ts';
import { expectTransfer } from '../peer/expect.ts';

const ONE_SECOND = 1_000;
const AUTH = { user: 'ann', password: 'p4ss-w0rd' };
/** A name that only the proxy can resolve. */
const NAMES = { 'only.lab': '10.9.0.3' };

let lab: Lab;
let [server, middle, client]: LabHost[] = [];

beforeEach(async () => {
  lab = await Lab.create();
  [server, middle, client] = [await lab.addHost('server'), await lab.addHost('proxy'), await lab.addHost('client')];
  await lab.cable({ host: client, address: '10.8.0.1/24' }, { host: middle, ifname: 'inside', address: '10.8.0.2/24' });
  await lab.cable({ host: middle, address: '10.9.0.2/24' }, { host: server, address: '10.9.0.3/24' });
});

afterEach(async () => {
  await lab.close();
});

async function credentials(text: string): Promise<string> {
  const file = join(lab.tempDir, 'credentials');
  await writeFile(file, `${text}\n`, { mode: 0o600 });
  return file;
}

describe.each(['node', 'bun'] as const)('on %s', (runtime) => {
  test(
    'every kind of proxy lets the client through, by a name that only the proxy knows',
    async () => {
      const ours = await EtherloomServer.start(server!, {
        ...{ runtime, address: '10.9.0.3', users: { guest: undefined }, taps: { elsrv0: '10.90.0.1/24' } },
      });
      const through = async (url: string, target: string, ...args: string[]): Promise<void> => {
        const joined = await EtherloomClient.start(client!, {
          ...{ runtime, server: target, user: 'guest', trust: { pin: ours.fingerprint } },
          ...{ tap: 'el0', address: '10.90.0.2/24', args: ['--connections', '2', '--proxy', url, ...args] },
        });
        await waitForPing(client!, { target: '10.90.0.1' });
        await expectTransfer(client!, server!, '10.90.0.1', 5);
        await joined.stop();
      };
      const file = await credentials(`${AUTH.user}:${AUTH.password}`);
      const named = 'only.lab:5555';
      const options = { names: NAMES, connectPorts: [5555] };
      await Tinyproxy.start(middle!, { ...options, port: 8080 });
      await through('http://10.8.0.2:8080', named);
      await Tinyproxy.start(middle!, { ...options, port: 8081, auth: AUTH });
      await through('http://10.8.0.2:8081', named, '--proxy-credentials-file', file);
      await Dante.start(middle!, { port: 1080, names: NAMES });
      await through('socks5://10.8.0.2:1080', named);
      await through('socks4://10.8.0.2:1080', '10.9.0.3:5555');
      await Microsocks.start(middle!, { port: 1081, names: NAMES, auth: AUTH });
      await through('socks5://10.8.0.2:1081', named, '--proxy-credentials-file', file);
      await SshProxy.start(middle!, { port: 1082, names: NAMES });
      await through('socks4a://10.8.0.2:1082', named);
    },
    120 * ONE_SECOND,
  );

  test(
    'and so does every kind to a SoftEther server, also without encryption',
    async () => {
      await SoftEtherServer.start(server!, { hubs: [{ name: 'LAB', users: [{ name: 'guest' }], secureNat: true }] });
      await Tinyproxy.start(middle!, { port: 8080, connectPorts: [443] });
      await Dante.start(middle!, { port: 1080 });
      await Microsocks.start(middle!, { port: 1081, auth: AUTH });
      await SshProxy.start(middle!, { port: 1082 });
      const file = await credentials(`${AUTH.user}:${AUTH.password}`);
      for (const args of [
        ['http://10.8.0.2:8080'],
        ['http://10.8.0.2:8080', '--no-encrypt'],
        ['socks4://10.8.0.2:1080'],
        ['socks5://10.8.0.2:1080'],
        ['socks5://10.8.0.2:1081', '--proxy-credentials-file', file],
        ['socks4a://10.8.0.2:1082'],
      ]) {
        const joined = await EtherloomClient.start(client!, {
          ...{ runtime, server: '10.9.0.3:443', hub: 'LAB', user: 'guest', trust: 'insecure' as const },
          ...{ tap: 'el0', address: '192.168.30.2/24', args: ['--proxy', ...args] },
        });
        await waitForPing(client!, { target: '192.168.30.1' });
        await joined.stop();
      }
    },
    120 * ONE_SECOND,
  );

  test(
    'each refusal is reported as what the proxy said',
    async () => {
      const ours = await EtherloomServer.start(server!, { runtime, address: '10.9.0.3', users: { guest: undefined } });
      const refused = async (url: string, ...args: string[]): Promise<string> => {
        const end = await EtherloomClient.run(client!, {
          ...{ runtime, server: '10.9.0.3:5555', user: 'guest', trust: { pin: ours.fingerprint }, tap: 'el0' },
          args: ['--reconnect-attempts', '0', '--proxy', url, ...args],
        });
        expect(end.code).toBe(8);
        expect(end.stderr).not.toContain('wr0ng');
        return end.stderr;
      };
      const file = await credentials('ann:wr0ng');
      await Tinyproxy.start(middle!, { port: 8080, connectPorts: [443] });
      expect(await refused('http://10.8.0.2:8080')).toMatch(/403/);
      await Tinyproxy.start(middle!, { port: 8081, connectPorts: [5555], auth: AUTH });
      expect(await refused('http://10.8.0.2:8081')).toMatch(/407/);
      expect(await refused('http://10.8.0.2:8081', '--proxy-credentials-file', file)).toMatch(/401/);
      await Dante.start(middle!, { port: 1080, blockedPorts: [5555] });
      expect(await refused('socks5://10.8.0.2:1080')).toMatch(/not allowed|rule/i);
      await Microsocks.start(middle!, { port: 1081, auth: AUTH });
      expect(await refused('socks5://10.8.0.2:1081', '--proxy-credentials-file', file)).toMatch(/password|credential/i);
      expect(await refused('http://10.8.0.2:9')).toMatch(/10\.8\.0\.2:9/);
    },
    60 * ONE_SECOND,
  );
});
