/** All subjects, in the order of one round. */
import type { Subject } from '../subject.ts';
import { etherloom, overSuite, polling } from './etherloom.ts';
import { fromSoftEther, toSoftEther } from './mixed.ts';
import { openvpn } from './openvpn.ts';
import { rawTls } from './raw-tls.ts';
import { softether } from './softether.ts';
import { veth } from './veth.ts';

export const SUBJECTS: readonly Subject[] = [
  etherloom('node', { encrypt: true }),
  softether('tls'),
  etherloom('bun', { encrypt: true }),
  openvpn('udp'),
  etherloom('node', { encrypt: false }),
  softether('plain'),
  etherloom('bun', { encrypt: false }),
  softether('udp'),
  overSuite('node', 'RC4-MD5'),
  overSuite('bun', 'RC4-MD5'),
  overSuite('node', 'AES256-SHA'),
  overSuite('bun', 'AES256-SHA'),
  polling('node'),
  polling('bun'),
  toSoftEther('node'),
  toSoftEther('bun'),
  fromSoftEther('node'),
  fromSoftEther('bun'),
  openvpn('tcp'),
  rawTls('node'),
  rawTls('bun'),
  veth,
];
