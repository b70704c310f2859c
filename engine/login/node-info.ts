import { getAddress, NO_ADDRESS, putAddress } from '../pack/address.ts';
import type { PackBuilder } from '../pack/builder.ts';
import { parseIpv6 } from '../pack/ip-text.ts';
import type { Pack } from '../pack/pack.ts';

/** What a client says about both ends and the way between: `protocol/control-plane.md` §4.7. It is not verified. */
export interface NodeInfo {
  readonly clientProductName: string;
  readonly clientProductVersion: number;
  readonly clientProductBuild: number;
  readonly clientOsName: string;
  readonly clientOsVersion: string;
  readonly clientOsProductId: string;
  readonly clientHostName: string;
  /** Without it the server takes the session for one over IPv6. */
  readonly clientAddress: string;
  readonly clientPort: number;
  readonly serverProductName: string;
  readonly serverProductVersion: number;
  readonly serverProductBuild: number;
  readonly serverHostName: string;
  readonly serverAddress: string;
  readonly serverPort: number;
  /** Empty when there is no proxy. */
  readonly proxyHostName: string;
  readonly proxyAddress: string;
  readonly proxyPort: number;
  /** 16 bytes, the same for all sessions of one installation, which MultiLogins then counts once. */
  readonly uniqueId: Uint8Array;
}

/** The element `HubName` is not sent: `hubname` has that name already. */
export function putNodeInfo(builder: PackBuilder, info: NodeInfo): PackBuilder {
  if (info.uniqueId.length !== 16) throw new RangeError(`uniqueId: expected 16 bytes, got ${info.uniqueId.length}`);
  builder
    .str('ClientProductName', info.clientProductName)
    .int('ClientProductVer', swapped(info.clientProductVersion))
    .int('ClientProductBuild', swapped(info.clientProductBuild))
    .str('ClientOsName', info.clientOsName)
    .str('ClientOsVer', info.clientOsVersion)
    .str('ClientOsProductId', info.clientOsProductId)
    .str('ClientHostname', info.clientHostName)
    .int('ClientPort', swapped(info.clientPort))
    .str('ServerProductName', info.serverProductName)
    .int('ServerProductVer', swapped(info.serverProductVersion))
    .int('ServerProductBuild', swapped(info.serverProductBuild))
    .str('ServerHostname', info.serverHostName)
    .int('ServerPort2', swapped(info.serverPort))
    .str('ProxyHostname', info.proxyHostName)
    .int('ProxyPort', swapped(info.proxyPort))
    .data('UniqueId', info.uniqueId);
  putBoth(builder, 'ClientIpAddress', info.clientAddress);
  putBoth(builder, 'ServerIpAddress', info.serverAddress);
  putBoth(builder, 'ProxyIpAddress', info.proxyAddress);
  return builder;
}

/** Undefined when the client sent none. What is absent in it reads as 0, empty or 0.0.0.0. */
export function getNodeInfo(pack: Pack): NodeInfo | undefined {
  if (!pack.has('ClientProductName')) return undefined;
  return {
    clientProductName: pack.str('ClientProductName'),
    clientProductVersion: swapped(pack.int('ClientProductVer')),
    clientProductBuild: swapped(pack.int('ClientProductBuild')),
    clientOsName: pack.str('ClientOsName'),
    clientOsVersion: pack.str('ClientOsVer'),
    clientOsProductId: pack.str('ClientOsProductId'),
    clientHostName: pack.str('ClientHostname'),
    clientAddress: getAddress(pack, 'ClientIpAddress') ?? NO_ADDRESS,
    clientPort: swapped(pack.int('ClientPort')),
    serverProductName: pack.str('ServerProductName'),
    serverProductVersion: swapped(pack.int('ServerProductVer')),
    serverProductBuild: swapped(pack.int('ServerProductBuild')),
    serverHostName: pack.str('ServerHostname'),
    serverAddress: getAddress(pack, 'ServerIpAddress') ?? NO_ADDRESS,
    serverPort: swapped(pack.int('ServerPort2')),
    proxyHostName: pack.str('ProxyHostname'),
    proxyAddress: getAddress(pack, 'ProxyIpAddress') ?? NO_ADDRESS,
    proxyPort: swapped(pack.int('ProxyPort')),
    uniqueId: pack.data('UniqueId').length === 16 ? pack.data('UniqueId') : new Uint8Array(16),
  };
}

/** The four elements of an address, and the DATA of 16 bytes that stands beside them. */
function putBoth(builder: PackBuilder, name: string, address: string): void {
  builder.data(`${name}6`, parseIpv6(address) ?? new Uint8Array(16));
  putAddress(builder, name, address);
}

/** These INTs are sent with their bytes the other way round: 501 as F5 01 00 00. */
function swapped(value: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, value);
  return view.getUint32(0, true);
}
