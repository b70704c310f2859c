/** What a client sets in the machine, with real DHCP and DNS servers behind the hub, and how it is undone. */
import { readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { LabChild } from '../../lab/child.ts';
import { EtherloomClient, EtherloomServer } from '../../lab/etherloom.ts';
import { Lab, type LabHost } from '../../lab/netns.ts';
import { waitForPing } from '../../lab/ping.ts';
import { ShelteredHost } from '../../lab/shelter.ts';

const SECOND = 1_000;
const ORIGINAL = '# as it was\nnameserver 10.77.0.254\noptions timeout:1\n';
/** In the server's namespace only. */
const FAR = '198.51.100.1';

let lab: Lab;
let [plain, router, server]: LabHost[] = [];
let ours: EtherloomServer;

beforeEach(async () => {
  lab = await Lab.create();
  [plain, router, server] = [await lab.addHost('client'), await lab.addHost('router'), await lab.addHost('server')];
  await lab.cable(
    { host: plain, address: ['10.77.0.2/24', 'fd77::2/64'] },
    { host: router, ifname: 'in', address: ['10.77.0.254/24', 'fd77::fe/64'] },
  );
  await lab.cable(
    { host: server, address: '10.88.0.1/24' },
    { host: router, ifname: 'out', address: '10.88.0.254/24' },
  );
  await plain.ip('route', 'add', 'default', 'via', '10.77.0.254', 'metric', '100');
  await plain.ip('-6', 'route', 'add', 'default', 'via', 'fd77::fe', 'metric', '100');
  await server.ip('route', 'add', 'default', 'via', '10.88.0.254');
  await server.ip('address', 'add', `${FAR}/32`, 'dev', 'lo');
  await server.ip('-6', 'address', 'add', '2001:db8::1/128', 'dev', 'lo');
  for (const path of ['net/ipv4/ip_forward', 'net/ipv6/conf/all/forwarding']) await router.sysctl(path, 1);
  // Whatever comes from the client besides the tunnel and what the link itself needs.
  const counter = [
    'table inet leaks { chain seen { type filter hook prerouting priority -300;',
    'iifname != "in" accept; ip daddr 10.88.0.1 tcp dport 5555 accept',
    'icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, mld2-listener-report } accept',
    'counter comment "leaks"; }; }',
  ];
  await router.run(['nft', counter.join('; ').replace('; };', ' };').replace('-300;;', '-300;')]);
});
afterEach(async () => {
  await lab.close();
});

async function leaks(): Promise<number> {
  const { stdout } = await router!.run(['nft', 'list', 'table', 'inet', 'leaks']);
  return Number(/counter packets (\d+)/.exec(stdout)?.[1]);
}

async function snapshot(host: ShelteredHost): Promise<string> {
  const commands = [
    ['ip', '-4', 'route', 'show', 'table', 'all'],
    ['ip', '-6', 'route', 'show', 'table', 'all'],
    ['ip', '-4', 'rule'],
    ['ip', '-6', 'rule'],
    ['ip', 'address'],
    ['nft', 'list', 'ruleset'],
  ];
  const texts = await Promise.all(commands.map(async (command) => (await plain!.run(command)).stdout));
  const neighbours = readdirSync(dirname(host.resolvConf)).filter((name) => name.startsWith('resolv.conf'));
  return [...texts, host.resolver(), neighbours.join()].join('\n');
}

async function dnsmasq(...args: string[]): Promise<LabChild> {
  const child = await server!.spawn([
    ...['dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', '--log-facility=-', '--log-dhcp', '--user=root'],
    ...['--interface=elsrv0', '--bind-interfaces', '--no-resolv', '--no-hosts', '--dhcp-authoritative', '--no-ping'],
    ...[
      `--dhcp-leasefile=${lab.tempDir}/leases`,
      '--pid-file',
      '--domain=lab.test',
      '--address=/probe.lab.test/10.90.0.1',
    ],
    ...['--dhcp-range=10.90.0.50,10.90.0.99,255.255.255.0,120', '--dhcp-option=option:router,10.90.0.1', ...args],
  ]);
  await child.waitForLine(/DHCP, IP range/);
  return child;
}

async function serve(runtime: 'node' | 'bun'): Promise<void> {
  const taps = { elsrv0: '10.90.0.1/24' };
  ours = await EtherloomServer.start(server!, { users: { guest: undefined }, taps, runtime, address: '10.88.0.1' });
  await server!.ip('-6', 'address', 'add', 'fd90::1/64', 'dev', 'elsrv0', 'nodad');
}

function connect(
  host: LabHost,
  runtime: 'node' | 'bun',
  args: readonly string[],
  directory?: string,
): Promise<EtherloomClient> {
  return EtherloomClient.start(host, {
    ...{ runtime, server: '10.88.0.1:5555', user: 'guest', trust: { pin: ours.fingerprint }, tap: 'el0', args },
    ...(directory === undefined ? {} : { directory }),
  });
}

describe.each(['node', 'bun'] as const)('on %s', (runtime) => {
  test.each([
    'file',
    'directory',
  ] as const)('everything goes through the tunnel, nothing leaks when it is killed, and all is as it was (resolv.conf: %s)', {
    timeout: 90 * SECOND,
  }, async (kind) => {
    await serve(runtime);
    const servers = await dnsmasq(
      ...[
        '--enable-ra',
        '--dhcp-range=fd90::50,fd90::99,64,120',
        '--dhcp-option=option:T1,3',
        '--dhcp-option=option:mtu,1400',
      ],
    );
    const client = new ShelteredHost(plain!, kind, ORIGINAL);
    const before = await snapshot(client);
    const everything = ['--dhcp', '--ipv6', 'auto', '--route', 'default', '--dns', 'auto', '--kill-switch'];
    const first = await connect(client, runtime, everything);
    await first.process.waitForLine(/"event":"addressed".*"address":"10\.90\.0\.\d+\/24"/, 20 * SECOND);
    await first.process.waitForLine(/"event":"addressed".*"address":"fd90::[0-9a-f]+\/128"/, 20 * SECOND);
    const clean = await leaks();
    await waitForPing(plain!, { target: FAR });
    await waitForPing(plain!, { target: '2001:db8::1' });
    expect(client.resolver()).toContain('nameserver 10.90.0.1');
    expect(client.resolver()).toContain('search lab.test');
    expect((await plain!.ip('link', 'show', 'el0')).stdout).toContain('mtu 1400');
    const status = (await first.status()).client?.settings;
    expect(status).toMatchObject({ killSwitch: true, servers: ['10.88.0.1'], dns: { search: ['lab.test'] } });
    expect(status?.addresses.map(({ origin }) => origin).sort()).toEqual(['dhcp', 'dhcpv6']);
    // T1 is 3 s: it asks again, and the server knows it.
    await expect.poll(() => servers.stderr.split('DHCPACK').length, { timeout: 15 * SECOND }).toBeGreaterThan(2);
    expect(await leaks()).toBe(clean);

    first.process.child.kill('SIGKILL');
    await first.process.child.exited;
    await expect.poll(async () => (await plain!.ip('link')).stdout).not.toContain('el0');
    for (const target of [FAR, '2001:db8::1', '10.77.0.254']) {
      expect((await plain!.run(['ping', '-c', '1', '-W', '1', target], { check: false })).code).not.toBe(0);
    }
    expect(await leaks()).toBe(clean);

    const second = await connect(client, runtime, [...everything, '--allow-lan'], first.directory);
    await second.process.waitForLine(/"event":"addressed".*"address":"10\.90\.0\.\d+\/24"/, 20 * SECOND);
    await waitForPing(plain!, { target: FAR });
    await waitForPing(plain!, { target: '10.77.0.254' });
    expect(await second.stop()).toBe(0);
    await expect.poll(() => snapshot(client)).toBe(before);
    await expect.poll(() => servers.stderr).toContain('DHCPRELEASE');
    expect(servers.stderr).toContain('RELEASE');
    expect(
      readdirSync(first.directory)
        .concat(readdirSync(`${first.directory}/etherloom`))
        .join(),
    ).not.toMatch(/journal|resolv/);
  });
});
