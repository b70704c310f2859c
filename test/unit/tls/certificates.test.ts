/** Chains that servers show to this program's own TLS are judged as the runtime judges them, and in the same words. */
import { once } from 'node:events';
import { type AddressInfo, isIP } from 'node:net';
import * as tls from 'node:tls';
import { describe, expect, test } from 'vitest';
import { distrustOf } from '../../../hosts/shared/certificates.ts';
import { describeDistrust } from '../../../hosts/shared/distrust.ts';
import { certify, type Identity, keyOf, makeKey, type Wishes } from './authority.ts';
import { CERTIFICATE } from './harness.ts';
import { KEY_PEM } from './identity.ts';

const HOST = 'vpn.example';
const ADDRESS = '192.0.2.1';
const [rootKey, middleKey, leafKey, otherKey] = [makeKey(), makeKey(), keyOf(KEY_PEM), makeKey()] as const;

const root = certify({ name: 'Root', key: rootKey, ca: true });
const other = certify({ name: 'Other root', key: otherKey, ca: true });
const sameName = certify({ name: 'Root', key: otherKey, ca: true });
const expiredRoot = certify({ name: 'Expired root', key: rootKey, ca: true, from: -20, to: -1 });
const futureRoot = certify({ name: 'Future root', key: rootKey, ca: true, from: 2 });
const noRoot = certify({ name: 'No root', key: rootKey, ca: false });
const middle = certify({ name: 'Middle', key: middleKey, issuer: root, ca: true });
const expiredMiddle = certify({ name: 'Middle', key: middleKey, issuer: root, ca: true, from: -20, to: -1 });
const forgedMiddle = certify({ name: 'Middle', key: middleKey, issuer: root, signer: otherKey, ca: true });
const noMiddle = certify({ name: 'No CA', key: middleKey, issuer: root, ca: false });
const noneBelow = [{ name: 'basicConstraints', cA: true, pathLenConstraint: 0, critical: true }];
const short = certify({ name: 'Short', key: middleKey, issuer: root, extensions: noneBelow });
const deep = certify({ name: 'Deep', key: otherKey, issuer: short, ca: true });
const silentMiddle = certify({ name: 'Silent', key: middleKey, issuer: root });

function leafOf(issuer: Identity | undefined, wishes: Partial<Wishes> = {}): Identity {
  const names = { names: [HOST, '*.lab.example'], addresses: [ADDRESS] };
  return certify({ name: HOST, key: leafKey, ca: false, ...names, ...(issuer ? { issuer } : {}), ...wishes });
}
function purpose(name: string): Partial<Wishes> {
  return { extensions: [{ name: 'extKeyUsage', [name]: true }] };
}
const leaf = leafOf(middle);
const direct = leafOf(root);
const self = leafOf(undefined);

const SELF_SIGNED = 'the certificate is self-signed';
const NO_ISSUER = 'the issuer of the certificate is not a trusted CA';
const UNKNOWN_ROOT = 'the chain ends in a CA that is not trusted';
const EXPIRED = 'the certificate, or one above it, has expired';
const NOT_YET = 'the certificate, or one above it, is not valid yet';
const SIGNATURE = 'a signature in the chain is wrong';
const MISSING = 'the issuer of a certificate in the chain is missing';
const NO_CA = 'an issuer in the chain is not allowed to issue certificates';
const PATH_LENGTH = 'there are more intermediate certificates than a CA in the chain allows';
const NOT_FOR_SERVERS = 'the certificate is not meant for a server';
const NAMES = `(it names DNS:${HOST}, DNS:*.lab.example, IP Address:${ADDRESS})`;

/** A chain as the server shows it, what is trusted, for which host, and the words. */
type Case = [
  name: string,
  chain: Identity[],
  trusted: Identity[] | undefined,
  words: string | undefined,
  host?: string,
];

const CASES: Case[] = [
  ['a chain with an intermediate', [leaf, middle], [root], undefined],
  ['with its root too', [leaf, middle, root], [root], undefined],
  ['in another order', [leaf, other, root, middle], [other, root], undefined],
  ['without an intermediate', [direct], [root], undefined],
  ['of one of several roots', [direct], [other, root], undefined],
  ['for an address', [leaf, middle], [root], undefined, ADDRESS],
  ['for a name with a star', [leaf, middle], [root], undefined, 'a.lab.example'],
  ['a certificate for servers', [leafOf(root, purpose('serverAuth'))], [root], undefined],
  ['a certificate that could issue others', [leafOf(root, { ca: true })], [root], undefined],
  ['a self-signed one that is trusted itself', [self], [self], undefined],
  ['a self-signed one', [self], [root], SELF_SIGNED],
  ['a self-signed one of a CA', [leafOf(undefined, { ca: true })], [root], SELF_SIGNED],
  [
    'a self-signed one for another name',
    [self],
    [root],
    `${SELF_SIGNED}; it does not name x.example ${NAMES}`,
    'x.example',
  ],
  ['an unknown CA', [direct], [other], NO_ISSUER],
  ['an unknown CA, which is shown', [leaf, middle, root], [other], UNKNOWN_ROOT],
  ['an unknown CA, whose intermediate is shown', [leaf, middle], [other], NO_ISSUER],
  ['a missing intermediate', [leaf], [root], NO_ISSUER],
  ['the CAs of the runtime', [leaf, middle], undefined, NO_ISSUER],
  ['the CAs of the runtime, and a self-signed one', [self], undefined, SELF_SIGNED],
  ['an expired one', [leafOf(middle, { from: -9, to: -1 }), middle], [root], EXPIRED],
  ['an expired one of an unknown CA', [leafOf(root, { from: -9, to: -1 })], [other], EXPIRED],
  ['an expired self-signed one', [leafOf(undefined, { from: -9, to: -1 })], [root], EXPIRED],
  ['an expired intermediate', [leaf, expiredMiddle], [root], EXPIRED],
  ['an expired root', [leafOf(expiredRoot)], [expiredRoot], EXPIRED],
  ['one that is not valid yet', [leafOf(middle, { from: 2 }), middle], [root], NOT_YET],
  ['another name', [leaf, middle], [root], `it does not name other.example ${NAMES}`, 'other.example'],
  ['two labels for a star', [leaf, middle], [root], `it does not name a.b.lab.example ${NAMES}`, 'a.b.lab.example'],
  ['another address', [leaf, middle], [root], `it does not name 192.0.2.2 ${NAMES}`, '192.0.2.2'],
  ['a wrong signature', [leafOf(middle, { signer: otherKey }), middle], [root], SIGNATURE],
  ['a root that is not valid yet', [leafOf(futureRoot)], [futureRoot], NOT_YET],
  ['a certificate for clients', [leafOf(root, purpose('clientAuth'))], [root], NOT_FOR_SERVERS],
  ['a wrong signature of a trusted CA', [leafOf(root, { signer: otherKey })], [root], SIGNATURE],
  ['an intermediate with a wrong signature', [leaf, forgedMiddle], [root], SIGNATURE],
  ['a certificate that is trusted itself, and not its CA', [direct], [direct], NO_ISSUER],
  ['the same with its intermediate', [leaf, middle], [leaf], NO_ISSUER],
  ['an intermediate that is trusted, without its root', [leaf, middle], [middle], MISSING],
  ['an intermediate under one that may have none', [leafOf(deep), deep, short], [root], PATH_LENGTH],
];

/** Refused by both; where the runtime says what it looked at last, we say what is wrong. */
const MORE_EXACT: [string, Identity[], Identity[], string][] = [
  ['an intermediate that is no CA', [leafOf(noMiddle), noMiddle], [root], NO_CA],
  ['an intermediate that does not say so', [leafOf(silentMiddle), silentMiddle], [root], NO_CA],
];

function pemOf(list: readonly Identity[] | undefined): string | undefined {
  return list?.map(({ pem }) => pem).join('\n');
}

function ours(chain: readonly Identity[], trusted: readonly Identity[] | undefined, host = HOST): string | undefined {
  return distrustOf(
    host,
    chain.map(({ der }) => der),
    pemOf(trusted),
  );
}

/** By a handshake with a server that shows the chain. */
async function theirs(chain: readonly Identity[], trusted: readonly Identity[] | undefined, host = HOST) {
  const server = tls.createServer({ cert: pemOf(chain)!, key: chain[0]!.key.pem }, (socket) => {
    socket.on('error', () => {}).end();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const ca = pemOf(trusted);
  const socket = tls.connect({
    ...{ host: '127.0.0.1', port: (server.address() as AddressInfo).port, rejectUnauthorized: false },
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(ca === undefined ? {} : { ca }),
    // As in the hosts: the name is looked at later.
    checkServerIdentity: () => undefined,
  });
  try {
    await once(socket, 'secureConnect');
    const error = socket.authorizationError as unknown as string | { code?: string } | null | undefined;
    const verdict = typeof error === 'string' ? error : error?.code;
    return describeDistrust(host, verdict, socket.getPeerCertificate());
  } finally {
    socket.destroy();
    server.close();
  }
}

test.each(CASES)('the runtime: %s', async (_name, chain, trusted, words, host) => {
  expect(await theirs(chain, trusted, host)).toBe(words);
});

test.each(CASES)('%s', (_name, chain, trusted, words, host) => {
  expect(ours(chain, trusted, host)).toBe(words);
});

test.each(MORE_EXACT)('%s', async (_name, chain, trusted, words) => {
  expect(ours(chain, trusted)).toBe(words);
  expect(await theirs(chain, trusted)).toBe(NOT_FOR_SERVERS);
});

describe('what only we are asked', () => {
  test('two roots of one name', () => {
    expect(ours([direct], [sameName, root])).toBeUndefined();
    expect(ours([direct], [root, sameName])).toBeUndefined();
  });

  test('a root that is no CA', () => {
    expect(ours([leafOf(noRoot)], [noRoot])).toBe(NO_CA);
  });

  test('what is no certificate', () => {
    for (const chain of [[new Uint8Array(0)], [new Uint8Array(300).fill(0x30)], [CERTIFICATE.subarray(0, -1)]]) {
      expect(distrustOf(HOST, chain, root.pem)).toMatch(/^the certificate cannot be read: /);
    }
    expect(distrustOf(HOST, [], root.pem)).toMatch(/^the certificate cannot be read: /);
    // One behind the first counts as well.
    expect(distrustOf(HOST, [direct.der, new Uint8Array(9)], root.pem)).toMatch(/^the certificate cannot be read: /);
  });

  test('a file of CAs without any', () => {
    expect(ours([direct], [])).toBe(NO_ISSUER);
    expect(distrustOf(HOST, [direct.der], 'no PEM')).toBe(NO_ISSUER);
  });

  test('a chain that is longer than any', () => {
    const before = performance.now();
    expect(distrustOf(HOST, [leaf.der, ...new Array<Uint8Array>(5_000).fill(other.der)], root.pem)).toBe(NO_ISSUER);
    expect(performance.now() - before).toBeLessThan(1_000);
    // What is behind the tenth is not looked at.
    const late = [leaf.der, ...new Array<Uint8Array>(9).fill(other.der), middle.der];
    expect(distrustOf(HOST, late, root.pem)).toBe(NO_ISSUER);
  });
});
