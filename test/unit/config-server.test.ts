import { describe, expect, test } from 'vitest';
import { formatProblem } from '../../engine/config/problem.ts';
import { parseServerConfig, serverOptions } from '../../engine/config/server-config.ts';

const HASH = '1e88f262ba7578d119e4edf7586e1b60d09b2045';

/** The configuration of the issue, to the letter. */
const FIXED_FORM = `listen: [{ host: 0.0.0.0, port: 5555 }]
tls: { certificate: server.crt, key: server.key }   # created when missing
hubs:
  lab:
    users:
      alice: { passwordHash: "${HASH}" }      # what \`etherloom hash-password alice\` prints
      guest: { anonymous: true }
    taps: [{ name: elsrv0, address: 10.90.0.1/24 }]   # a TAP of this host as a port of the hub
`;

function problems(text: string): string[] {
  const result = parseServerConfig(text);
  return result.ok ? [] : result.problems.map((problem) => formatProblem('s.yaml', problem));
}

function hubWith(users: string): string {
  return `listen: [{ port: 1 }]\nhubs:\n  lab:\n    users:\n${users}\n`;
}

describe('a valid configuration', () => {
  test('the fixed form with every default', () => {
    const result = parseServerConfig(FIXED_FORM);
    if (!result.ok) throw new Error(JSON.stringify(result.problems));
    expect(result.config).toEqual({
      role: 'server',
      listen: [{ host: '0.0.0.0', port: 5555 }],
      tls: { certificate: 'server.crt', key: 'server.key', choice: { modern: { minimum: 'TLSv1.2' } } },
      hubs: [
        {
          name: 'lab',
          users: [{ name: 'alice', passwordHash: Uint8Array.from(Buffer.from(HASH, 'hex')) }, { name: 'guest' }],
          taps: [{ name: 'elsrv0', addresses: ['10.90.0.1/24'] }],
          bridges: [],
          stormLimit: 32,
          cascades: [],
        },
      ],
      timeoutMs: 20_000,
      maxConnections: 32,
      priorityRule: 'packetix',
      congestion: 'auto',
      control: {},
      log: {},
    });
    const options = serverOptions(result.config, { certificate: 'C', key: 'K' });
    expect(options).toMatchObject({ certificate: 'C', key: 'K', timeoutMs: 20_000, maxConnections: 32 });
    expect(options.tls).toEqual({ modern: { minimum: 'TLSv1.2' } });
  });

  test('every key', () => {
    const result = parseServerConfig(`
listen:
  - { host: "::", port: 0 }
  - { host: vpn.example.com, port: 443 }
tls: { certificate: a/b.crt, key: /c d/e.key }
hubs:
  "My hub (1)":
    stormLimit: 0
    users: { a@b: { passwordHash: "${Buffer.from(HASH, 'hex').toString('base64')}", anonymous: false } }
    taps: [{ name: t0, address: [10.0.0.1/24, "fd00::1/64"], mtu: 9000, busyPoll: 50, offload: false }, { name: t1 }]
session: { timeout: 60, maxConnections: 1, priorityRule: extended, congestion: bbr }
control: { socket: x.sock }
log: { level: debug, format: json }
`);
    expect(result).toMatchObject({
      ok: true,
      config: {
        listen: [
          { host: '::', port: 0 },
          { host: 'vpn.example.com', port: 443 },
        ],
        hubs: [
          {
            name: 'My hub (1)',
            stormLimit: 0,
            users: [{ name: 'a@b', passwordHash: Uint8Array.from(Buffer.from(HASH, 'hex')) }],
            taps: [
              { name: 't0', addresses: ['10.0.0.1/24', 'fd00::1/64'], mtu: 9000, busyPollUs: 50, offload: false },
              { name: 't1', addresses: [] },
            ],
          },
        ],
        timeoutMs: 60_000,
        maxConnections: 1,
        priorityRule: 'extended',
        congestion: 'bbr',
        control: { socket: 'x.sock' },
        log: { level: 'debug', format: 'json' },
      },
    });
  });

  test('names and hashes that YAML would take for numbers or booleans stay text', () => {
    const digits = '1234567890123456789012345678901234567e10';
    const result = parseServerConfig(hubWith(`      1e3: { passwordHash: ${digits} }\n      no: { anonymous: true }`));
    expect(result).toMatchObject({
      ok: true,
      config: {
        hubs: [{ users: [{ name: '1e3', passwordHash: Uint8Array.from(Buffer.from(digits, 'hex')) }, { name: 'no' }] }],
      },
    });
  });
});

describe('problems have a place, a path, what was found and what is allowed', () => {
  test.each([
    ['', 's.yaml:1:1: there is no value; allowed is a mapping with the keys listen, tls, hubs, session, control, log'],
    ['hubs: {}', 's.yaml:1:1: listen: missing; allowed is a list of at least 1 of the listeners'],
    [
      'listen: []\nhubs: {}',
      's.yaml:1:9: listen: found an empty list; allowed is a list of at least 1 of the listeners',
    ],
    [
      'listen: [{ port: 70000 }]\nhubs: {}',
      's.yaml:1:18: listen[0].port: found "70000"; allowed is a whole number from 0 to 65535',
    ],
    [
      'listen: [{ port: 0x50 }]\nhubs: {}',
      's.yaml:1:18: listen[0].port: found "0x50"; allowed is a whole number from 0 to 65535',
    ],
    [
      'listen: [{ port: 1, host: "[::1]" }]\nhubs: {}',
      's.yaml:1:27: listen[0].host: found "[::1]"; allowed is a host name or an IP address (IPv6 without brackets)',
    ],
    [
      'listen: [{ port: 1, host: 10.0.0.256 }]\nhubs: {}',
      's.yaml:1:27: listen[0].host: found "10.0.0.256"; allowed is a host name or an IP address (IPv6 without brackets)',
    ],
    ['listen: [{ port: 1 }]\nlisten: []\nhubs: {}', 's.yaml:2:1: not valid YAML: this key stands here a second time'],
    ['listen: [{ port: 1 }]\nhubs: {}\nsesion: {}', 's.yaml:3:1: sesion: unknown key; did you mean "session"?'],
    [
      'listen: [{ port: 1 }]\nhubs: {}\nzebra: 1',
      's.yaml:3:1: zebra: unknown key; known here: listen, tls, hubs, session, control, log',
    ],
    [
      'listen: [{ port: 1 }]\nhubs: {}\ntls: { certificate: a, kye: b }',
      's.yaml:3:24: tls.kye: unknown key; did you mean "key"?',
    ],
    [
      'listen: [{ port: 1 }]\nhubs: {}\nsession: { timeout: 4 }',
      's.yaml:3:21: session.timeout: found "4"; allowed is a whole number from 5 to 60 (seconds)',
    ],
    [
      'listen: [{ port: 1 }]\nhubs: {}\nsession: { priorityRule: all }',
      's.yaml:3:26: session.priorityRule: found "all"; allowed is packetix or extended',
    ],
    [
      'listen: [{ port: 1 }]\nhubs: {}\nsession: { congestion: BBR }',
      's.yaml:3:24: session.congestion: found "BBR"; allowed is auto, system, or a name that the kernel has in net.ipv4.tcp_available_congestion_control, such as bbr',
    ],
    [
      'listen: [{ port: 1 }]\nhubs: {}\nsession: { maxConnections: 33 }',
      's.yaml:3:28: session.maxConnections: found "33"; allowed is a whole number from 1 to 32',
    ],
    [
      'listen: [{ port: 1 }]\nhubs: {}\nlog: { level: loud }',
      's.yaml:3:15: log.level: found "loud"; allowed is error, warn, info, debug or trace',
    ],
    [
      'listen: [{ port: 1 }]\nhubs:\n  " lab": {}',
      's.yaml:3:3: hubs[" lab"]: this name is not allowed; allowed is 1 to 255 letters, digits, spaces and ()-_#%&. that neither start nor end with a space or a dot',
    ],
    [
      'listen: [{ port: 1 }]\nhubs: { lab: { taps: [{ name: t, mtu: 100 }] } }',
      's.yaml:2:39: hubs.lab.taps[0].mtu: found "100"; allowed is a whole number from 576 to 65521 (bytes)',
    ],
    [
      'listen: [{ port: 1 }, { port: 2 }, { host: 0.0.0.0, port: 1 }]\nhubs: {}',
      's.yaml:1:36: listen[2]: this host and port are listened on already (first in line 1)',
    ],
    [
      'listen: [{ port: 1 }]\nhubs:\n  lab: {}\n  LAB: {}',
      's.yaml:4:3: hubs.LAB: this hub exists already; case makes no difference (first in line 3)',
    ],
    [
      'listen: [{ port: 1 }]\nhubs:\n  a: { taps: [{ name: t0 }] }\n  b: { taps: [{ name: t0 }] }',
      's.yaml:4:23: hubs.b.taps[0].name: this TAP exists already; a TAP is a port of one hub (first in line 3)',
    ],
    ['a: b\n---\nc: d', 's.yaml:2:1: not valid YAML: a second document starts here; a configuration file holds one'],
    ['listen: [{ port: 1 }]\nhubs:\n\tlab: {}', 's.yaml:3:1: not valid YAML: a tab is used to indent; use spaces'],
  ])('%j', (text, expected) => {
    expect(problems(text)).toContain(expected);
  });

  test.each([
    '10.90.0.0/24',
    '10.90.0.255/24',
    '10.90.0.1',
    '10.90.0.1/33',
    '10.90.0.1/0',
    'fd00::1',
    '10.90.0.01/24',
    'fe80::1%eth0/64',
  ])('address %s', (address) => {
    const [found] = problems(`listen: [{ port: 1 }]\nhubs: { lab: { taps: [{ name: t, address: "${address}" }] } }`);
    expect(found).toMatch(
      `s.yaml:2:43: hubs.lab.taps[0].address[0]: found ${JSON.stringify(address)}; allowed is an address with`,
    );
  });

  test.each(['averyveryverylong', 'a/b', 'tap%d', '-t', 'lo', 'a b', '..'])('TAP name %s', (name) => {
    const [found] = problems(`listen: [{ port: 1 }]\nhubs: { lab: { taps: [{ name: "${name}" }] } }`);
    expect(found).toMatch(`s.yaml:2:31: hubs.lab.taps[0].name: found ${JSON.stringify(name)}; allowed is 1 to 15`);
  });

  test.each([
    'link',
    'CASCADE',
    'SecureNAT',
    'localbridge',
    'Administrator',
    'L3SW_x',
    '"*"',
    'a/b',
    '__proto__',
  ])('user name %s', (name) => {
    const [found] = problems(hubWith(`      ${name}: { anonymous: true }`));
    expect(found).toMatch(/^s\.yaml:5:7: hubs\.lab\.users.*: this name is not allowed/);
  });

  test('users', () => {
    expect(
      problems(
        hubWith(
          [
            '      alice: { passwordHash: hunter2 }',
            '      Alice: { anonymous: true }',
            '      bob: hunter3',
            '      carl: {}',
            '      dan: { password: hunter4 }',
            `      eve: { passwordHash: "${HASH}", anonymous: true }`,
            '      frank: { anonymous: yes }',
          ].join('\n'),
        ),
      ),
    ).toEqual([
      's.yaml:5:30: hubs.lab.users.alice.passwordHash: the value (not shown here) does not fit; allowed is the 40 hexadecimal digits that `etherloom hash-password USER` prints, or 20 bytes in base64',
      's.yaml:6:7: hubs.lab.users.Alice: this user exists already; case makes no difference (first in line 5)',
      's.yaml:7:12: hubs.lab.users.bob: the value (not shown here) does not fit; allowed is a mapping with the keys passwordHash, anonymous, certificate, ca, disabled, expires, group, policy',
      's.yaml:8:13: hubs.lab.users.carl: allowed is exactly one of passwordHash: "…", anonymous: true, certificate: FILE and ca: {…}',
      's.yaml:9:14: hubs.lab.users.dan.password: unknown key; passwords are not written here; use passwordHash, with what `etherloom hash-password USER` prints',
      's.yaml:10:12: hubs.lab.users.eve: allowed is exactly one of passwordHash: "…", anonymous: true, certificate: FILE and ca: {…}',
      's.yaml:11:27: hubs.lab.users.frank.anonymous: found "yes"; allowed is true or false',
    ]);
  });
});

test('no message shows a secret', () => {
  const secrets = [
    hubWith('      alice: { passwordHash: hunter2 }'),
    hubWith('      alice: hunter2'),
    hubWith('      alice: [hunter2]'),
    hubWith('      alice: { passwordHash: { hunter2: } }'),
    hubWith('      alice: { passwordHash: *hunter2 }'),
    hubWith('      alice: { passwordHash: !hunter2 x }'),
    hubWith('      alice: { passwordHash: "hunter2 }'),
    hubWith('      alice: { passwordHash: hunter2: x: }'),
    hubWith('   hunter2'),
    'hunter2',
    'listen: [{ port: 1 }]\nhubs: { lab: { users: hunter2 } }',
    'tls: { certificate: a, key: "-----BEGIN PRIVATE KEY-----\\nhunter2" }',
  ];
  for (const text of secrets) {
    const found = problems(text);
    expect(found).not.toEqual([]);
    expect(found.join('\n')).not.toContain('hunter2');
  }
});

test('aliases cannot grow without end', () => {
  const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
  for (let i = 1; i < 9; i++) lines.push(`a${i}: &a${i} [${new Array(10).fill(`*a${i - 1}`).join(', ')}]`);
  expect(problems(lines.join('\n'))).toEqual(['s.yaml:1:1: not valid YAML: too many aliases (*name)']);
});

describe('no more than there is room for', () => {
  const listen = 'listen: [{ port: 1 }]\nhubs:\n';
  const hubs = (count: number) => Array.from({ length: count }, (_, index) => `  h${index}: {}\n`).join('');
  const taps = (hub: string, count: number) =>
    `  ${hub}:\n    taps:\n${Array.from({ length: count }, (_, index) => `      - { name: ${hub}${index} }\n`).join('')}`;

  test('hubs', () => {
    expect(problems(listen + hubs(1024))).toEqual([]);
    expect(problems(listen + hubs(1026))).toEqual([
      's.yaml:1027:3: hubs.h1024: one too many; allowed are at most 1024 hubs',
    ]);
  });

  test('TAPs, in all hubs together', () => {
    expect(problems(listen + taps('a', 60) + taps('b', 40))).toEqual([]);
    expect(problems(listen + taps('a', 60) + taps('b', 42))).toEqual([
      's.yaml:107:9: hubs.b.taps[40]: one too many; allowed are at most 100 TAPs in all hubs',
    ]);
  });

  test('many users are checked in no time', () => {
    const users = Array.from({ length: 20_000 }, (_, index) => `      u${index}: { anonymous: true }\n`).join('');
    expect(problems(hubWith(`${users}      U1: { anonymous: true }`))).toEqual([
      's.yaml:20005:7: hubs.lab.users.U1: this user exists already; case makes no difference (first in line 6)',
    ]);
  });
});
