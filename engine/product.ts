/** How this product names itself to peers. */
export interface ProductInfo {
  /** `hello` of a server: free text (`protocol/control-plane.md` §3). */
  readonly serverName: string;
  /** `client_str` of a client. It contains neither "server" nor "bridge", which would ask for bridge mode (§4.1). */
  readonly clientName: string;
  /** `client_str` of a cascade, which asks for bridge mode by its name as well (§9). */
  readonly cascadeName: string;
  /** Major * 100 + minor of the SoftEther generation whose protocol this is. */
  readonly version: number;
  /** Build number on SoftEther's scale; below 6560 servers may answer 87 (§4.6). */
  readonly build: number;
}

/** The release of this product. */
export const RELEASE = '0.1.0';

/** Version and build are those of the programs against which the protocol was verified, since peers compare them. */
export const PRODUCT: ProductInfo = {
  serverName: `Etherloom VPN Server ${RELEASE}`,
  clientName: `Etherloom VPN Client ${RELEASE}`,
  cascadeName: `Etherloom VPN Server ${RELEASE} (Cascade Mode)`,
  version: 501,
  build: 9674,
};
