import { describe, expect, test } from 'vitest';
import { formatProblem } from '../../engine/config/problem.ts';
import { parseBridgeConfig, parseServerConfig, serverOptions } from '../../engine/config/server-config.ts';

type Parse = typeof parseServerConfig;

function problems(parse: Parse, text: string): string[] {
  const result = parse(text);
  return result.ok ? [] : result.problems.map((problem) => formatProblem('b.yaml', problem));
}

const BRIDGE = `hubs:
  lab:
    bridges: [{ interface: eth1 }]
    taps: [{ name: t0, mtu: 1400 }]
`;

describe('a bridge', () => {
  test('is a server that listens nowhere', () => {
    const result = parseBridgeConfig(`${BRIDGE}log: { level: debug }\n`);
    if (!result.ok) throw new Error(JSON.stringify(result.problems));
    expect(result.config).toMatchObject({
      role: 'bridge',
      listen: [],
      hubs: [{ name: 'lab', users: [], taps: [{ name: 't0', mtu: 1400 }], bridges: [{ interface: 'eth1' }] }],
      log: { level: 'debug' },
    });
    const options = serverOptions(result.config, { certificate: '', key: '' });
    expect(options).toMatchObject({
      role: 'bridge',
      listen: [],
      hubs: [{ name: 'lab', bridges: [{ interface: 'eth1' }] }],
    });
  });

  test('has no listener and no certificate', () => {
    expect(problems(parseBridgeConfig, `listen: [{ port: 1 }]\ntls: {}\n${BRIDGE}`)).toEqual([
      'b.yaml:1:1: listen: unknown key; known here: hubs, session, control, log',
      'b.yaml:2:1: tls: unknown key; known here: hubs, session, control, log',
    ]);
  });

  test('needs something to bridge', () => {
    const idle = 'this hub has nothing to bridge; a bridge needs two ports at least, such as a TAP and an interface';
    expect(problems(parseBridgeConfig, 'hubs:\n  a: {}\n  b: { taps: [{ name: t1 }] }\n')).toEqual([
      `b.yaml:2:3: hubs.a: ${idle}`,
      `b.yaml:3:3: hubs.b: ${idle}`,
    ]);
    expect(problems(parseBridgeConfig, 'hubs: {}\n')).toEqual([
      'b.yaml:1:7: hubs: there is no hub, and so nothing to bridge',
    ]);
    expect(problems(parseBridgeConfig, 'hubs:\n  a: { bridges: [{ interface: a }, { interface: b }] }\n')).toEqual([]);
  });
});

describe.each([
  ['server', parseServerConfig, 'listen: [{ port: 1 }]\n'],
  ['bridge', parseBridgeConfig, 'log: {}\n'],
] as const)('bridged interfaces of a %s', (_name, parse, head) => {
  test('are ports of one hub', () => {
    const text = `${head}hubs:
  a: { taps: [{ name: t0 }], bridges: [{ interface: eth1 }, { interface: eth1 }] }
  b: { taps: [{ name: t1 }], bridges: [{ interface: eth1 }, { interface: t0 }, { interface: eth2 }] }
`;
    expect(problems(parse, text)).toEqual([
      'b.yaml:3:74: hubs.a.bridges[1].interface: this interface is bridged already; an interface is a port of one hub (first in line 3)',
      'b.yaml:4:53: hubs.b.bridges[0].interface: this interface is bridged already; an interface is a port of one hub (first in line 3)',
      'b.yaml:4:74: hubs.b.bridges[1].interface: this is a TAP of a hub, and a port already (first in line 3)',
    ]);
  });

  test('have names that an interface can have, and no other keys', () => {
    const text = `${head}hubs:
  a: { taps: [{ name: t0 }], bridges: [{ interface: "eth1:0" }, { name: eth2 }, eth3] }
`;
    expect(problems(parse, text)).toEqual([
      expect.stringContaining(
        'hubs.a.bridges[0].interface: found "eth1:0"; allowed is 1 to 15 letters, digits and -_.',
      ),
      expect.stringContaining('hubs.a.bridges[1].interface: missing'),
      expect.stringContaining('hubs.a.bridges[1].name: unknown key; known here: interface'),
      expect.stringContaining('hubs.a.bridges[2]: found "eth3"; allowed is a mapping with the keys interface'),
    ]);
  });

  test('are as many as there is room for', () => {
    const items = Array.from({ length: 101 }, (_, i) => `      - { interface: e${i} }\n`).join('');
    expect(problems(parse, `${head}hubs:\n  a:\n    bridges:\n${items}`)).toEqual([
      'b.yaml:105:9: hubs.a.bridges[100]: one too many; allowed are at most 100 bridges in all hubs',
    ]);
  });
});
