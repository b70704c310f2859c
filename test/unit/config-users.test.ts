/** Users, groups, CAs and policies in the server's configuration. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { POLICY_NAMES } from '../../engine/config/policy-schema.ts';
import { formatProblem } from '../../engine/config/problem.ts';
import { parseServerConfig, serverOptions } from '../../engine/config/server-config.ts';
import { bitRate, moment, serialNumber } from '../../engine/config/user-rules.ts';
import { POLICY_FLAGS, POLICY_NUMBERS } from '../../engine/login/policy.ts';

const HASH = '1e88f262ba7578d119e4edf7586e1b60d09b2045';

function hub(lines: string): string {
  return `listen: [{ port: 1 }]\nhubs:\n  lab:\n${lines.replace(/^/gm, '    ')}\n`;
}

function parsed(lines: string) {
  const result = parseServerConfig(hub(lines));
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.config;
}

function problems(lines: string): string[] {
  const result = parseServerConfig(hub(lines));
  return result.ok ? [] : result.problems.map((problem) => formatProblem('s.yaml', problem));
}

describe('users', () => {
  test('with everything that can be said of them', () => {
    const config = parsed(`users:
  alice: { passwordHash: "${HASH}", disabled: true, expires: 2027-03-31 }
  bob: { certificate: bob.crt, expires: 2027-03-31T18:00+09:00 }
  carol: { ca: { commonName: Carol Ä, serial: "00:AB:01" } }
  dave: { ca: {} }
cas: [a.crt, b.crt]`);
    expect(config.hubs[0]).toMatchObject({
      caFiles: ['a.crt', 'b.crt'],
      users: [
        { name: 'alice', disabled: true, expires: Date.UTC(2027, 3, 1) },
        { name: 'bob', certificateFile: 'bob.crt', expires: Date.UTC(2027, 2, 31, 9) },
        { name: 'carol', ca: { commonName: 'Carol Ä', serial: 'ab01' } },
        { name: 'dave', ca: {} },
      ],
    });
  });

  test('are without a way in as long as their certificate was not read', () => {
    const config = parsed('users: { bob: { certificate: bob.crt } }');
    const pem = { certificate: 'C', key: 'K' };
    expect(() => serverOptions(config, pem)).toThrow(/certificate.*bob/);
    const [lab] = config.hubs;
    const der = Uint8Array.of(0x30);
    const read = { users: new Map([[lab!.users[0]!, der]]), cas: new Map([[lab!, [der]]]) };
    expect(serverOptions(config, pem, { users: read }).hubs[0]).toMatchObject({
      cas: [der],
      users: [{ name: 'bob', certificate: der }],
    });
  });

  test('have the policy of their group, and win over it field by field', () => {
    const config = parsed(`groups:
  Staff: { policy: { maxUpload: 10M, timeout: 30, noBridge: true } }
  empty: {}
users:
  alice: { anonymous: true, group: staff, policy: { timeout: 40, maxUpload: 0 } }
  bob: { anonymous: true, group: Staff }
  carol: { anonymous: true, group: empty }
  dave: { anonymous: true, policy: { access: false } }`);
    const { users } = config.hubs[0]!;
    expect(users.map(({ policy }) => policy)).toEqual([
      { MaxUpload: 0, TimeOut: 40, NoBridge: true },
      { MaxUpload: 10_000_000, TimeOut: 30, NoBridge: true },
      undefined,
      { Access: false },
    ]);
    expect(users.map(({ group }) => group)).toEqual(['Staff', 'Staff', 'empty', undefined]);
  });
});

describe('a policy', () => {
  test('has a name for every element of the wire', () => {
    const wire = [...POLICY_FLAGS, ...POLICY_NUMBERS].filter((name) => name !== 'Ver3');
    expect(Object.values(POLICY_NAMES).sort()).toEqual(wire.sort());
    for (const [name, each] of Object.entries(POLICY_NAMES)) expect(name.toLowerCase()).toBe(each.toLowerCase());
  });

  test('takes every one of them', () => {
    const numbers = Object.fromEntries(POLICY_NUMBERS.map((name) => [name, name === 'TimeOut' ? 10 : 7]));
    const fields = Object.entries(POLICY_NAMES).map(([name, wire]) => `${name}: ${numbers[wire] ?? true}`);
    const policy = parsed(`users: { a: { anonymous: true, policy: { ${fields.join(', ')} } } }`).hubs[0]!.users[0]!
      .policy;
    const flags = Object.fromEntries(POLICY_FLAGS.filter((name) => name !== 'Ver3').map((name) => [name, true]));
    expect(policy).toEqual({ ...flags, ...numbers });
  });
});

describe('docs/users.md', () => {
  const text = readFileSync(new URL('../../docs/users.md', import.meta.url), 'utf8');

  test('shows configurations that are valid', () => {
    const [whole, single] = [...text.matchAll(/```yaml\n([^`]*)```/g)].map(([, yaml]) => yaml!);
    expect(parseServerConfig(whole!)).toMatchObject({ ok: true });
    expect(problems(`users:\n  ${single}`)).toEqual([]);
  });

  test('describes every field of a policy', () => {
    const rows = text.split('\n').filter((line) => line.startsWith('| `'));
    const described = rows.flatMap((row) => [...row.split(' | ')[0]!.matchAll(/`(\w+)`/g)].map(([, name]) => name!));
    for (const name of Object.keys(POLICY_NAMES)) expect(described).toContain(name);
  });
});

test('problems are told with their place, what was found and what is allowed', () => {
  expect(
    problems(`users:
  two: { passwordHash: "${HASH}", certificate: a.crt }
  off: { anonymous: true, disabled: maybe }
  old: { anonymous: true, expires: 2027-02-30 }
  lone: { anonymous: true, group: stuff }
  signed: { ca: {} }
  odd: { ca: { comonName: x } }
  fast: { anonymous: true, policy: { maxUpload: 10m, maxUplod: 3, timeout: 4, Access: false } }
  "*": { anonymous: true }
  link: { anonymous: true }
groups:
  staff: { policy: { maxConnection: 33 } }
  Staff: {}`),
  ).toEqual([
    's.yaml:5:12: hubs.lab.users.two: allowed is exactly one of passwordHash: "…", anonymous: true, certificate: FILE and ca: {…}',
    's.yaml:6:41: hubs.lab.users.off.disabled: found "maybe"; allowed is true or false',
    expect.stringMatching(
      /^s\.yaml:7:40: hubs\.lab\.users\.old\.expires: found "2027-02-30"; allowed is a date such as/,
    ),
    's.yaml:8:39: hubs.lab.users.lone.group: the hub has no group of this name; did you mean "staff"?',
    's.yaml:9:21: hubs.lab.users.signed.ca: the hub has no CAs; name their files with cas: [FILE] beside users',
    's.yaml:10:18: hubs.lab.users.odd.ca: the hub has no CAs; name their files with cas: [FILE] beside users',
    's.yaml:10:20: hubs.lab.users.odd.ca.comonName: unknown key; did you mean "commonName"?',
    expect.stringMatching(/^s\.yaml:11:53: hubs\.lab\.users\.fast\.policy\.maxUpload: found "10m"; allowed is bit\/s/),
    's.yaml:11:58: hubs.lab.users.fast.policy.maxUplod: unknown key; did you mean "maxUpload"?',
    's.yaml:11:80: hubs.lab.users.fast.policy.timeout: found "4"; allowed is a whole number from 5 to 60 (seconds)',
    's.yaml:11:83: hubs.lab.users.fast.policy.Access: unknown key; did you mean "access"?',
    expect.stringMatching(/^s\.yaml:12:7: hubs\.lab\.users\["\*"\]: this name is not allowed; .*RADIUS/),
    expect.stringMatching(/^s\.yaml:13:7: hubs\.lab\.users\.link: this name is not allowed; .*reserved are link/),
    's.yaml:15:41: hubs.lab.groups.staff.policy.maxConnection: found "33"; allowed is a whole number from 1 to 32',
    's.yaml:16:7: hubs.lab.groups.Staff: this group exists already; case makes no difference (first in line 15)',
  ]);
});

test('more CAs than there is room for are one too many', () => {
  const cas = Array.from({ length: 34 }, (_, i) => `${i}.crt`).join(', ');
  expect(problems(`cas: [${cas}]`)).toEqual([expect.stringMatching(/hubs\.lab\.cas\[32\]: one too many; .* 32 CAs/)]);
});

test.each([
  ['0', 0],
  ['1', 1],
  ['10M', 10_000_000],
  ['1.5M', 1_500_000],
  ['500k', 500_000],
  ['500K', 500_000],
  ['4G', 4_000_000_000],
  ['4294967295', 4_294_967_295],
  ['4294967296', undefined],
  ['5G', undefined],
  ['10m', undefined],
  ['1.5', undefined],
  ['-1', undefined],
  ['', undefined],
  ['10 M', undefined],
])('%s bit/s', (text, value) => expect(bitRate.parse(text)).toBe(value));

test.each([
  ['2027-03-31', Date.UTC(2027, 3, 1)],
  ['2028-02-29', Date.UTC(2028, 2, 1)],
  ['2027-02-29', undefined],
  ['2027-13-01', undefined],
  ['2027-03-31T18:00Z', Date.UTC(2027, 2, 31, 18)],
  ['2027-03-31T18:00:30Z', Date.UTC(2027, 2, 31, 18, 0, 30)],
  ['2027-03-31T18:00:00-05:30', Date.UTC(2027, 2, 31, 23, 30)],
  ['2027-03-31T18:00', undefined],
  ['2027-03-31T24:00Z', undefined],
  ['2027-03-31T18:60Z', undefined],
  ['2027-03-31T18:00+15:00', undefined],
  ['31.3.2027', undefined],
])('the moment %s', (text, value) => expect(moment.parse(text)).toBe(value));

test.each([
  ['01', '1'],
  ['00:AB:01', 'ab01'],
  ['0', '0'],
  ['AbCd', 'abcd'],
  ['', undefined],
  ['a:b', undefined],
  ['xyz', undefined],
  ['0'.repeat(41), undefined],
])('the serial number %s', (text, value) => expect(serialNumber.parse(text)).toBe(value));
