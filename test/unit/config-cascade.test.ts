import { describe, expect, test } from 'vitest';
import { NOT_FOR_CASCADES } from '../../engine/config/cascade-schema.ts';
import { POLICY_NAMES } from '../../engine/config/policy-schema.ts';
import { parseServerConfig } from '../../engine/config/server-config.ts';
import { DEFAULT_POLICY } from '../../engine/login/policy.ts';

const HASH = '0123456789abcdef0123456789abcdef01234567';
const PIN = 'ab'.repeat(32);

function parse(cascades: string) {
  return parseServerConfig(`
listen: [{ port: 443 }]
hubs:
  lab: { cascades: { ${cascades} } }
  other: {}
`);
}

function problems(cascades: string): string[] {
  const result = parse(cascades);
  return result.ok ? [] : result.problems.map(({ path, message }) => `${path}: ${message}`);
}

function only(settings: string) {
  const result = parse(`up: { ${settings} }`);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.config.hubs[0]!.cascades[0];
}

const LEAST = 'server: vpn.example.com, hub: LAB, user: head, anonymous: true';

describe('a cascade', () => {
  test('with as little as it takes has the defaults of requirement B', () => {
    expect(only(LEAST)).toEqual({
      ...{ kind: 'session', name: 'up', online: true, host: 'vpn.example.com', port: 443, hub: 'LAB', user: 'head' },
      ...{ credential: { kind: 'anonymous' }, trust: { kind: 'system' }, tls: { modern: { minimum: 'TLSv1.2' } } },
      ...{ priorityRule: 'packetix', congestion: 'auto', connections: 8, connectionIntervalMs: 1_000 },
      ...{ connectionLifetimeMs: Number.POSITIVE_INFINITY, halfDuplex: false, encrypt: true, compress: false },
      ...{ proxy: undefined, policy: DEFAULT_POLICY },
    });
  });

  test('with everything', () => {
    const settings = `server: "[fd00::1]:5555", hub: x, user: head, passwordFile: secret/head, plainPassword: true, pin: "${PIN}",
      tls: { profile: packetix-2.0 }, priorityRule: extended, congestion: bbr, connections: 32, connectionInterval: 2,
      connectionLifetime: 60, halfDuplex: true, encrypt: false, compress: true, online: false,
      proxy: { url: "socks5://10.0.0.1:1080", credentialsFile: proxy }, policy: { noServer: true, maxMac: 100, vlanId: 7, maxUpload: 10M }`;
    expect(only(settings)).toMatchObject({
      ...{ host: 'fd00::1', port: 5555, credential: { kind: 'file', file: 'secret/head', plain: true }, online: false },
      ...{ trust: { kind: 'pin', fingerprint: PIN }, tls: { legacy: {} }, priorityRule: 'extended', congestion: 'bbr' },
      ...{
        connections: 32,
        connectionIntervalMs: 2_000,
        connectionLifetimeMs: 60_000,
        halfDuplex: true,
        encrypt: false,
      },
      ...{ compress: true, proxy: { url: { kind: 'socks5' }, credentialsFile: 'proxy' } },
      policy: { ...DEFAULT_POLICY, NoServer: true, MaxMac: 100, VLanId: 7, MaxUpload: 10_000_000 },
    });
    const hashed = LEAST.replace('anonymous: true', `passwordHash: "${HASH}"`);
    expect(only(`${hashed}, ca: ca.pem`)).toMatchObject({
      credential: { kind: 'hash', hash: Uint8Array.from(Buffer.from(HASH, 'hex')) },
      trust: { kind: 'ca', file: 'ca.pem' },
    });
    expect(only(`${LEAST}, insecure: true`)).toMatchObject({ trust: { kind: 'insecure' } });
    const signed = LEAST.replace('anonymous: true', 'clientCertificate: up.crt, clientKey: up.key');
    expect(only(signed)).toMatchObject({
      credential: { kind: 'certificate', certificateFile: 'up.crt', keyFile: 'up.key' },
    });
    expect(problems(`up: { ${signed.replace(', clientKey: up.key', '')} }`)[0]).toMatch(/clientKey together/);
  });

  test('without a server is a link to another hub', () => {
    expect(only('hub: Other')).toEqual({ kind: 'link', name: 'up', hub: 'Other', online: true });
    expect(problems('up: { hub: none }')[0]).toMatch(/there is no such hub here; .* needs server/);
    expect(problems('up: { hub: LAB }')[0]).toMatch(/joined to itself/);
    expect(problems('up: { hub: other, user: x }')[0]).toMatch(/user: .*without server this is a link/);
  });

  test.each([
    ['reconnect: { interval: 5 }', /tries again every 10 seconds, without end; that cannot be set/],
    ['reconnectInterval: 5', /tries again every 10 seconds/],
    ['retries: 5', /tries again every 10 seconds/],
    ['bridge: false', /always has bridge mode/],
    ['qos: false', /always has QoS/],
    ['password: hunter2', /passwords are not written here; use passwordFile/],
    ['policy: { noBridge: true }', /noBridge cannot be set for a cascade/],
    ['policy: { maxconnection: 3 }', /maxconnection cannot be set for a cascade/],
    ['policy: { noServers: true }', /did you mean "noServer"/],
    ['policy: { vlanId: 4096 }', /from 0 to 4095/],
    ['connections: 33', /from 1 to 32/],
    ['connections: 1, halfDuplex: true', /with half duplex .* from 2 to 32/],
    [`pin: "${PIN}", insecure: true`, /only one of pin, ca and insecure/],
    [`passwordHash: "${HASH}"`, /exactly one of passwordFile/],
    ['plainPassword: true', /needs passwordFile/],
    ['tls: { profile: custom }', /algorithms/],
  ])('%s is refused', (settings, message) => {
    const found = problems(`up: { ${LEAST}, ${settings} }`);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(message);
    expect(found[0]).toContain('hubs.lab.cascades.up');
    expect(found[0]).not.toMatch(/hunter2|0123456789abcdef/);
  });

  test('what is missing is named', () => {
    expect(problems('up: { server: x, hub: y, anonymous: true }')).toEqual([
      expect.stringContaining('up.user: missing'),
    ]);
    expect(problems('up: { server: x, hub: y, user: z }')[0]).toMatch(/exactly one of passwordFile/);
    expect(problems('up: { server: x, user: z, anonymous: true }')).toEqual([
      expect.stringContaining('up.hub: missing'),
    ]);
    const [text] = problems('up: { server: "head:hunter2@vpn.example.com", hub: y, user: z, anonymous: true }');
    expect(text).toMatch(/up.server: /);
    expect(text).not.toContain('hunter2');
  });

  test('a name twice, and too many of them, are refused', () => {
    expect(problems(`up: { ${LEAST} }, UP: { ${LEAST} }`)).toEqual([
      expect.stringContaining('this cascade exists already'),
    ]);
    const many = Array.from({ length: 129 }, (_, i) => `c${i}: { hub: other }`).join(', ');
    expect(problems(many)).toEqual([expect.stringContaining('allowed are at most 128 cascades')]);
    const wide = Array.from({ length: 33 }, (_, i) => `c${i}: { ${LEAST}, connections: 32 }`).join(', ');
    expect(problems(wide)).toEqual([expect.stringContaining('allowed are at most 1024 of all cascades together')]);
  });

  test('every policy is either for cascades or named as one that is not', () => {
    const allowed = Object.entries(POLICY_NAMES).filter(([name]) =>
      problems(`up: { ${LEAST}, policy: { ${name}: true } }`).every((text) => !text.includes('unknown key')),
    );
    expect([...allowed.map(([, wire]) => wire), ...NOT_FOR_CASCADES].toSorted()).toEqual(
      Object.keys(DEFAULT_POLICY).toSorted(),
    );
  });
});
