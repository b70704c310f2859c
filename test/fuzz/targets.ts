import type { Target } from './target.ts';
import { compressedTarget } from './target-compressed.ts';
import { dhcp4Target, dhcp6Target } from './target-dhcp.ts';
import { frameTarget } from './target-frame.ts';
import { httpTarget } from './target-http.ts';
import { inflateTarget } from './target-inflate.ts';
import { joinTarget } from './target-join.ts';
import { clientLoginTarget, serverLoginTarget } from './target-login.ts';
import { offloadTarget } from './target-offload.ts';
import { packTarget } from './target-pack.ts';
import { policyTarget } from './target-policy.ts';
import { streamTarget } from './target-stream.ts';
import { tlsClientTarget, tlsServerTarget } from './target-tls.ts';
import { tlsRecordsTarget } from './target-tls-records.ts';

/** Every parser that meets the network. Each is made when it is wanted: a core has memory of its own. */
export const TARGETS: Readonly<Record<string, () => Target>> = {
  stream: () => streamTarget('simd'),
  'stream-scalar': () => streamTarget('scalar'),
  compressed: () => compressedTarget('simd'),
  'compressed-scalar': () => compressedTarget('scalar'),
  frame: () => frameTarget('simd'),
  'frame-scalar': () => frameTarget('scalar'),
  inflate: () => inflateTarget('simd'),
  'inflate-scalar': () => inflateTarget('scalar'),
  join: () => joinTarget('simd'),
  'join-scalar': () => joinTarget('scalar'),
  offload: () => offloadTarget('simd'),
  'offload-scalar': () => offloadTarget('scalar'),
  dhcp4: dhcp4Target,
  dhcp6: dhcp6Target,
  policy: () => policyTarget('simd'),
  'policy-scalar': () => policyTarget('scalar'),
  pack: packTarget,
  http: httpTarget,
  'server-login': serverLoginTarget,
  'client-login': clientLoginTarget,
  'tls-server': tlsServerTarget,
  'tls-client': tlsClientTarget,
  'tls-records': tlsRecordsTarget,
};
