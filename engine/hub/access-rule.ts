/** One rule of a hub's access list: `protocol/data-plane.md` §6.7. What is absent matches everything. */
export interface AccessRule {
  /** 1 to 4,294,967,295; a smaller number is looked at first, and of equal ones those that let pass. */
  readonly priority: number;
  readonly action: 'pass' | 'discard';
  /** False: the rule is not looked at. */
  readonly active?: boolean | undefined;
  readonly from?: AddressRange | undefined;
  readonly to?: AddressRange | undefined;
  /** IP protocol number, 0 to 255; of IPv6 that of the payload behind the extension headers. */
  readonly protocol?: number | undefined;
  readonly fromPorts?: PortRange | undefined;
  readonly toPorts?: PortRange | undefined;
  /** `unestablished`: TCP with SYN and without ACK; `established`: any other TCP. */
  readonly tcpState?: 'established' | 'unestablished' | undefined;
  readonly fromMac?: AddressRange | undefined;
  readonly toMac?: AddressRange | undefined;
  /** Who sends, and who gets the frame: names of users and groups, without regard to case. */
  readonly fromUser?: string | undefined;
  readonly fromGroup?: string | undefined;
  readonly toUser?: string | undefined;
  readonly toGroup?: string | undefined;
  /** Percent of the frames that are lost, 0 to 100; of a rule that lets pass. */
  readonly loss?: number | undefined;
  /** Milliseconds by which they are delayed, 0 to 10,000, and by how many percent of that more or less, 0 to 100. */
  readonly delay?: number | undefined;
  readonly jitter?: number | undefined;
  /** URL that requests of HTTP are redirected to; of a rule that lets pass, without `toUser` and `toGroup`. */
  readonly redirect?: string | undefined;
}

/** Addresses that are equal where the mask has ones. Both have 4 bytes (IPv4), 16 (IPv6) or 6 (MAC). */
export interface AddressRange {
  readonly address: Uint8Array;
  readonly mask: Uint8Array;
}

export interface PortRange {
  /** 0 to 65,535. */
  readonly first: number;
  readonly last: number;
}
