/** OpenVPN between two hosts: a TAP at each end, TLS with certificates made for the occasion, no others let in. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LabChild } from './child.ts';
import type { LabHost } from './netns.ts';
import { findProgram } from './requirements.ts';

const PORT = 1194;
const START_TIMEOUT_MS = 20_000;
const DEVICE = 'tap0';

export interface OpenVpnEnd {
  readonly host: LabHost;
  /** IPv4 address of the TAP, in CIDR form. */
  readonly address: string;
}

export interface OpenVpnOptions {
  readonly protocol: 'udp' | 'tcp';
  /** Default AES-256-GCM. */
  readonly cipher?: string;
  readonly server: OpenVpnEnd & {
    /** Where the client reaches it. */
    readonly listen: string;
  };
  readonly client: OpenVpnEnd;
}

/** Both ends of a tunnel that stands; the lab ends them when it closes. */
export interface OpenVpnTunnel {
  readonly server: LabChild;
  readonly client: LabChild;
}

export function hasOpenVpn(): boolean {
  return findProgram('openvpn') !== undefined;
}

/** @throws Error when the tunnel does not come up, with what OpenVPN said. */
export async function startOpenVpn(options: OpenVpnOptions): Promise<OpenVpnTunnel> {
  const { protocol, cipher = 'AES-256-GCM', server, client } = options;
  const ends = {
    server: await makeIdentity(server.host, 'server'),
    client: await makeIdentity(client.host, 'client'),
  };
  const common = [`dev ${DEVICE}`, 'dev-type tap', `cipher ${cipher}`, `data-ciphers ${cipher}`, 'verb 3'];
  const lines = {
    server: [
      'tls-server',
      'dh none',
      `local ${server.listen}`,
      `lport ${PORT}`,
      `proto ${protocol === 'udp' ? 'udp' : 'tcp-server'}`,
    ],
    client: [
      'tls-client',
      'nobind',
      `remote ${server.listen} ${PORT}`,
      `proto ${protocol === 'udp' ? 'udp' : 'tcp-client'}`,
    ],
  };
  const start = async (side: 'server' | 'client', peer: 'server' | 'client'): Promise<LabChild> => {
    const { directory } = ends[side];
    const config = join(directory, 'openvpn.conf');
    const identity = ['cert identity.crt', 'key identity.key', `peer-fingerprint ${ends[peer].fingerprint}`];
    writeFileSync(config, `${[...common, ...lines[side], ...identity].join('\n')}\n`);
    return await options[side].host.spawn(['openvpn', '--cd', directory, '--config', config]);
  };
  const children = { server: await start('server', 'client'), client: await start('client', 'server') };
  for (const side of ['server', 'client'] as const) {
    await children[side].waitForLine(/Initialization Sequence Completed/, START_TIMEOUT_MS);
    await options[side].host.addAddress(DEVICE, options[side].address);
  }
  return children;
}

let instances = 0;

/** A directory with a key and a self-signed certificate, and that one's fingerprint as OpenVPN writes it. */
async function makeIdentity(host: LabHost, name: string): Promise<{ directory: string; fingerprint: string }> {
  const directory = join(host.lab.tempDir, `openvpn-${instances++}`);
  mkdirSync(directory, { mode: 0o700 });
  const [key, certificate] = [join(directory, 'identity.key'), join(directory, 'identity.crt')];
  const make = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-sha256', '-days', '2', '-subj', `/CN=${name}`];
  await host.run(['openssl', ...make, '-keyout', key, '-out', certificate]);
  const show = ['openssl', 'x509', '-in', certificate, '-noout', '-fingerprint', '-sha256'];
  const fingerprint = (await host.run(show)).stdout.match(/=([0-9A-F:]+)/)?.[1];
  if (fingerprint === undefined) throw new Error(`${host.role}: openssl shows no fingerprint of ${certificate}`);
  return { directory, fingerprint };
}
