import { expect, test } from 'vitest';
import { LoginTemplate } from '../../engine/client/login.ts';
import type { ClientOptions } from '../../engine/client/options.ts';
import type { ClientLogin } from '../../engine/login/client-login.ts';
import { MODERN_TLS } from '../../engine/tls-legacy/choice.ts';

const RUNTIME = { name: 'sim', version: '1', pid: 1, hostName: 'here', osName: 'Linux', osVersion: '0' };
const OPTIONS: ClientOptions = {
  host: 'vpn.example',
  port: 443,
  hub: 'lab',
  user: 'guest',
  credential: { kind: 'anonymous' },
  tap: { name: 'el0', addresses: [] },
  trust: async () => undefined,
  bridge: false,
  qos: false,
  priorityRule: 'packetix',
  congestion: 'auto',
  tls: MODERN_TLS,
  connections: 1,
  connectionIntervalMs: 1_000,
  connectionLifetimeMs: Number.POSITIVE_INFINITY,
  halfDuplex: false,
  encrypt: true,
  compress: false,
  reconnectMs: 15_000,
  reconnectAttempts: 0,
  stubborn: false,
};

function wishes(options: Partial<ClientOptions>): ClientLogin['wishes'] {
  const template = new LoginTemplate(
    { ...OPTIONS, ...options },
    RUNTIME,
    (count) => new Uint8Array(count),
    { windowsFree: 64 },
    () => new Uint8Array(20),
  );
  return template.make().wishes;
}

test.each<[keyof ClientLogin['wishes'], Partial<ClientOptions>, unknown, unknown]>([
  ['maxConnection', { connections: 7 }, 1, 7],
  ['useEncrypt', { encrypt: false }, true, false],
  ['useCompress', { compress: true }, false, true],
  ['halfConnection', { halfDuplex: true }, false, true],
  ['qos', { qos: true }, false, true],
  ['bridgeMode', { bridge: true }, false, true],
  ['monitorMode', { monitor: true }, false, true],
])('the login asks for %s as it is set', (wish, options, without, set) => {
  expect(wishes({})[wish]).toBe(without);
  expect(wishes(options)).toEqual({ ...wishes({}), [wish]: set });
});
