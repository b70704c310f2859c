/** Real SoftEther 5.01 programs (Debian's packages) as test peers in lab hosts. */
export {
  type SoftEtherAccount,
  SoftEtherClient,
  type SoftEtherClientOptions,
  SoftEtherLoginError,
  type SoftEtherStatus,
} from './softether-client.ts';
export { assertSoftEther, hasSoftEther, SOFTETHER_PACKAGES, SoftEtherSandbox } from './softether-sandbox.ts';
export {
  BRIDGE_HUB,
  type SoftEtherCascade,
  type SoftEtherHub,
  SoftEtherServer,
  type SoftEtherServerOptions,
  type SoftEtherUser,
} from './softether-server.ts';
export { parseTable, type VpncmdAnswer, VpncmdError } from './softether-vpncmd.ts';
