import { expect, test } from 'vitest';
import { formatStatus } from '../../cli/status-text.ts';
import { formatBytes, formatCount, formatDuration, printable, table } from '../../cli/text.ts';
import { sampleStatus } from './support.ts';

const NOW = Date.parse('2026-01-02T03:04:05.000Z');

test('a server', () => {
  expect(formatStatus({ ...sampleStatus('server'), pid: 4711 }, NOW)).toBe(
    `Etherloom server
  version       1.2.3 on test 1
  process       4711, running for 1 d 3 h
  listening on  0.0.0.0:443
                [::]:5555
  core          simd; 1,234,567 frames in 1,000 calls; 3 of 4,096 buffers in use

Hub lab: 1 session, 1 TAP, 12 addresses in the forwarding table
  SESSION      USER   PEER             CONNECTIONS  SINCE    IN                         OUT              QUEUE      DROPPED
  SID-ALICE-1  alice  192.0.2.7:50000            2  1 d 3 h  1,234,567 frames, 1.5 GiB  5 frames, 320 B  128.0 KiB  queueFull 1,200, storm 3
  TAP     SINCE    IN             OUT               QUEUE  DROPPED
  elsrv0  1 d 3 h  0 frames, 0 B  1 frame, 2.0 KiB  0 B    -
  CLASS OF     CLASS     OUT              DROPPED  HALF WAITED  99 % WAITED
  SID-ALICE-1  bulk      4 frames, 220 B  1,200    3.5 ms       22.0 ms
  SID-ALICE-1  priority  1 frame, 100 B   0        0.0 ms       0.1 ms
  CONNECTION OF  PEER             DIRECTION         AGE        IN       OUT    SHARE   UNSENT    DRAINS     ROUND TRIP  CONTROL  RESENT  LAST IN  PROTOCOL  CIPHER
  SID-ALICE-1    192.0.2.7:50000  client-to-server  1 h 2 min  1.5 GiB  40 B   11.1 %  0 B                                               0 s ago  TLSv1.3   TLS_AES_256_GCM_SHA384
  SID-ALICE-1    192.0.2.7:50001  server-to-client  9 s        0 B      320 B  88.9 %  65.0 KiB  2.4 MiB/s  22.4 ms     bbr      7       9 s ago  TLSv1.2   ECDHE-RSA-AES256-GCM-SHA384`,
  );
});

test('logins that failed, once there are some', () => {
  const logins = { failures: 0, delayed: 0, turnedAway: 0, waiting: 0, slowedSources: 0, slowedUsers: 0 };
  const lineOf = (changed: Partial<typeof logins>) =>
    formatStatus({ ...sampleStatus('server'), logins: { ...logins, ...changed } }, NOW)
      .split('\n')
      .find((line) => line.includes('logins'));
  expect(lineOf({})).toBeUndefined();
  expect(lineOf({ failures: 1234, delayed: 80, turnedAway: 7, waiting: 1, slowedSources: 1, slowedUsers: 2 })).toBe(
    '  logins        1,234 failed, 80 slowed, 7 turned away; now 1 waits, 1 source and 2 users slowed',
  );
});

test('a client', () => {
  const lines = formatStatus(sampleStatus('client'), NOW).split('\n').slice(0, 8);
  expect(lines.map((line) => line.replace(/process .*/, 'process'))).toEqual([
    'Etherloom client',
    '  version     1.2.3 on test 1',
    '  process',
    '  state       waiting, 2 attempts since the session was up',
    '  server      vpn.example:443',
    '  hub         lab as alice',
    '  last error  gone',
    '  core        simd; 1,234,567 frames in 1,000 calls; 3 of 4,096 buffers in use',
  ]);
});

test('a session of one connection, and a client between two connections', () => {
  const status = sampleStatus('client');
  const [hub] = status.hubs;
  const [session] = hub!.sessions;
  const connections = [{ ...session!.connections![0]!, direction: 'both' as const, cipher: 'none' }];
  const text = formatStatus(
    {
      ...status,
      client: { ...status.client!, state: 'interrupted', attempts: 0, lastError: 'reset' },
      hubs: [
        {
          ...hub!,
          sessions: [
            { ...session!, connections },
            { ...session!, name: 'SID-BOB-2', connections: [] },
          ],
        },
      ],
    },
    NOW,
  );
  expect(text).toMatch(/^ {2}state +interrupted$/m);
  expect(text).toMatch(
    /^ {2}SID-ALICE-1 +192\.0\.2\.7:50000 +both +1 h 2 min +1\.5 GiB +40 B +11\.1 % +0 B +0 s ago +TLSv1\.3 +none$/m,
  );
  expect(text).toMatch(/^ {2}SID-BOB-2 +alice +192\.0\.2\.7:50000 +0 {2}/m);
});

test('names of peers cannot steer the terminal', () => {
  const status = sampleStatus('server');
  const text = formatStatus({ ...status, hubs: [{ ...status.hubs[0]!, name: 'a\u001b]0;x\u0007' }] }, NOW);
  expect(text).not.toContain('\u001b');
  expect(printable('a\nb\u202ec\u009bd\u061ce')).toBe('a\ufffdb\ufffdc\ufffdd\ufffde');
});

test('units', () => {
  expect([0, 1023, 1024, 1048570, 1048576, 5e15].map(formatBytes)).toEqual([
    '0 B',
    '1023 B',
    '1.0 KiB',
    '1.0 MiB',
    '1.0 MiB',
    '4.4 PiB',
  ]);
  expect([0, 999, 1000, 1234567].map(formatCount)).toEqual(['0', '999', '1,000', '1,234,567']);
  expect([-5, 999, 61_000, 3_600_000, 90_061_000].map(formatDuration)).toEqual([
    '0 s',
    '0 s',
    '1 min 1 s',
    '1 h',
    '1 d 1 h',
  ]);
  expect(
    table(
      ['A', 'BB'],
      [
        ['ccc', '1'],
        ['d', '22'],
      ],
      [1],
    ),
  ).toEqual(['A    BB', 'ccc   1', 'd    22']);
});

test('a compressed session, and frames that are not compressed by the core', () => {
  const status = sampleStatus('server');
  const [hub] = status.hubs;
  const [session] = hub!.sessions;
  const compression = {
    sent: { bytes: 1_048_576, compressedBytes: 262_144, savedPercent: 75, ms: 12_000 },
    received: { bytes: 0, compressedBytes: 0, savedPercent: 0, ms: 0 },
  };
  const text = formatStatus(
    {
      ...status,
      core: { ...status.core, codec: 'pako' },
      hubs: [{ ...hub!, sessions: [{ ...session!, compression }] }],
    },
    NOW,
  );
  expect(text).toContain('core          simd, frames compressed by pako; ');
  expect(text).toContain(`
  COMPRESSION OF  WAY  FRAMES   IN THE TUNNEL  SAVED  TIME
  SID-ALICE-1     in   0 B      0 B            0 %    0 s
  SID-ALICE-1     out  1.0 MiB  256.0 KiB      75 %   12 s
`);
});
