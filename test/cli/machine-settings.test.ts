/** What the profile and the options of `connect` say of the machine's settings, and how `status` shows them. */
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { describe, expect, test } from 'vitest';
import { journalDirectories, recoverMachine } from '../../cli/machine-settings.ts';
import { formatStatus } from '../../cli/status-text.ts';
import type { NodeStatus } from '../../engine/admin/status.ts';
import type { ClientOptions } from '../../engine/client/options.ts';
import { formatProblem } from '../../engine/config/problem.ts';
import { parseConnectProfile } from '../../engine/config/profile.ts';
import { fakeIo, optionsOf, sampleStatus, temporaryFolder } from './support.ts';

const LOGIN = 'server: vpn.example\nhub: lab\nuser: alice\nanonymous: true\n';

async function connect(profile: string, ...argv: readonly string[]) {
  const folder = await temporaryFolder();
  const file = path.join(folder, 'lab.yaml');
  await fs.writeFile(file, `${LOGIN}${profile}`);
  const io = fakeIo({ folder });
  const result = await optionsOf(['connect', '--profile', file, ...argv], io);
  return { options: typeof result === 'number' ? undefined : (result as ClientOptions), code: result, io };
}

describe('a profile', () => {
  test('says everything of the machine', async () => {
    const { options } = await connect(
      'tap: { name: vpn0, dhcp: true, ipv6: auto, mac: "02:11:22:33:44:55" }\n' +
        'routes: [default, 10.0.0.0/8, "fd00::/8", auto]\ngateway: [10.90.0.1, "fd00::1"]\nmetric: 50\n' +
        'dns: [auto, 10.90.0.53]\nsearch: Corp.Example.com.\nkillSwitch: true\nallowLan: true\n',
    );
    expect(options?.settings).toEqual({
      dhcp: true,
      ipv6: 'auto',
      routes: ['10.0.0.0/8', 'fd00::/8'],
      defaultRoute: true,
      serverRoutes: true,
      gateways: ['10.90.0.1', 'fd00::1'],
      metric: 50,
      dns: ['10.90.0.53'],
      serverDns: true,
      search: ['corp.example.com'],
      killSwitch: true,
      allowLan: true,
      journals: expect.arrayContaining([expect.stringContaining('etherloom')]),
    });
    expect(options?.tap.mac).toEqual(Uint8Array.of(2, 0x11, 0x22, 0x33, 0x44, 0x55));
  });

  test('that says nothing sets nothing', async () => {
    expect((await connect('tap: { name: vpn0, address: 10.0.0.1/24 }\n')).options).not.toHaveProperty('settings');
  });

  test('stands behind the options, which say the same', async () => {
    const profile = 'tap: { name: vpn0, dhcp: true }\nroutes: default\ndns: auto\nkillSwitch: true\n';
    const argv = ['--no-kill-switch', '--ipv6', 'off', '--route', '10.0.0.0/8', '--dns', '10.0.0.53', '--no-dhcp'];
    const { options } = await connect(profile, ...argv);
    expect(options?.settings).toMatchObject({
      ...{
        dhcp: false,
        ipv6: 'off',
        routes: ['10.0.0.0/8'],
        defaultRoute: false,
        dns: ['10.0.0.53'],
        serverDns: false,
      },
      killSwitch: false,
    });
  });

  test.each([
    ['routes: auto', 'routes: auto needs DHCP'],
    ['routes: default', 'routes: default needs a router'],
    ['dns: auto', 'dns: auto needs tap.dhcp or tap.ipv6'],
    ['gateway: [10.0.0.1, 10.0.0.2]', 'gateway: found two of IPv4; allowed is one of each family'],
    ['allowLan: true', 'allowLan: it belongs to the kill switch, which is off'],
  ])('with %j is refused', async (text, expected) => {
    const { code, io } = await connect(`tap: { name: vpn0 }\n${text}\n`);
    expect(code).toBe(3);
    expect(io.err()).toMatch(new RegExp(`lab\\.yaml:6:\\d+: ${expected}`));
  });

  test('options that cannot work together are refused by their names', async () => {
    const { code, io } = await connect('tap: { name: vpn0 }\n', '--route', 'auto');
    expect(code).toBe(2);
    expect(io.err()).toContain("option '--route <network>' is invalid: auto needs DHCP: tap.dhcp, or --dhcp");
  });

  test.each([
    ['routes: 10.0.0.1/8', 'routes[0]: found "10.0.0.1/8"; allowed is a network such as 10.0.0.0/8'],
    ['routes: []', 'routes: found an empty list; allowed is a list of at least 1 of the routes'],
    ['gateway: vpn', 'gateway[0]: found "vpn"; allowed is the address of a router'],
    ['dns: [1.1.1]', 'dns[0]: found "1.1.1"; allowed is the address of a DNS server, or auto'],
    ['search: "a b"', 'search[0]: found "a b"; allowed is a domain'],
    ['metric: 0', 'metric: found "0"; allowed is a whole number from 1 to 1000000'],
    [
      'tap: { mac: "01:00:00:00:00:01" }',
      'tap.mac: found "01:00:00:00:00:01"; allowed is a MAC address for one station',
    ],
    ['tap: { ipv6: on }', 'tap.ipv6: found "on"; allowed is auto, dhcp or off'],
    ['killSwitch: 1', 'killSwitch: found "1"; allowed is true or false'],
  ])('%j has a place and what is allowed', (text, expected) => {
    const result = parseConnectProfile(text);
    const found = result.ok ? [] : result.problems.map((problem) => formatProblem('p.yaml', problem));
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(expected);
  });
});

test('status shows addresses with their origin and times, routes, DNS servers and the kill switch', () => {
  const now = Date.parse('2026-01-02T03:04:05.000Z');
  const sample = sampleStatus('client');
  const status: NodeStatus = {
    ...sample,
    client: {
      ...sample.client!,
      settings: {
        addresses: [
          { address: '10.9.0.2/24', origin: 'profile' },
          {
            ...{ address: '10.9.0.50/24', origin: 'dhcp', server: '10.9.0.1' },
            ...{ renews: '2026-01-02T03:05:05.000Z', expires: '2026-01-02T03:06:05.000Z' },
          },
        ],
        routes: [
          { to: '0.0.0.0/0', via: '10.9.0.1', origin: 'profile' },
          { to: '10.0.0.0/8', origin: 'dhcp' },
        ],
        dns: { servers: ['10.9.0.53'], search: ['lab.test'] },
        killSwitch: true,
        servers: ['192.0.2.1'],
      },
    },
  };
  const lines = formatStatus(status, now).split('\n');
  const from = lines.findIndex((line) => line.includes('address  '));
  expect(lines.slice(from, from + 7)).toEqual([
    '  address         10.9.0.2/24 from the profile',
    '                  10.9.0.50/24 from DHCP at 10.9.0.1, renews in 1 min, expires in 2 min',
    '  route           0.0.0.0/0 by 10.9.0.1',
    '                  10.0.0.0/8, from DHCP',
    '  without tunnel  192.0.2.1',
    '  DNS             10.9.0.53, searching lab.test',
    '  kill switch     on',
  ]);
});

test('what was looked after is said, and what cannot be is no reason not to start', () => {
  const lines: unknown[] = [];
  const io = fakeIo();
  const log = (...line: readonly unknown[]) => lines.push(line);
  recoverMachine({ machines: { recover: () => ['undid it'], open: () => expect.unreachable() } }, io, log);
  const broken = () => {
    throw { doing: 'settings', code: 'EIO', message: 'cannot read it' };
  };
  recoverMachine({ machines: { recover: broken, open: () => expect.unreachable() } }, io, log);
  recoverMachine({}, io, log);
  expect(lines).toEqual([
    ['warn', 'settings that a killed process left were looked after', { what: 'undid it' }],
    ['warn', 'settings that a killed process left cannot be looked after', { cause: 'cannot read it' }],
  ]);
});

test('journals are first where another environment finds them too', () => {
  const io = { ...fakeIo({ env: { XDG_RUNTIME_DIR: '/run/user/7' } }), uid: 0, temporaryDirectory: '/tmp' };
  expect(journalDirectories(io)).toEqual(['/run/etherloom', '/tmp/etherloom-0', '/run/user/7/etherloom']);
});
