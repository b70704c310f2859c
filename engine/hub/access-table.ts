import type { AccessRule, AddressRange } from './access-rule.ts';

/** Rules as the core reads them: `assembly/policy/access.ts`. */
export interface AccessTable {
  /** `count` times the bytes of a rule. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly count: number;
  /** How many of them count before it is known who gets a frame. */
  readonly entryRules: number;
}

/** Gives names of users and groups their numbers, from 1. */
export type NameNumber = (kind: 'user' | 'group', name: string) => number;

const LOOK_ADDRESSES = 1;
const LOOK_PROTOCOL = 2;
const LOOK_FROM_PORT = 4;
const LOOK_TO_PORT = 8;
const LOOK_MACS = 16;
const LOOK_UNESTABLISHED = 32;
const LOOK_ESTABLISHED = 64;

const KIND_IPV4 = 1;
const KIND_IPV6 = 2;
const KIND_OTHER = 4;

/** Where the addresses and masks are: IPv6 ones have 16 bytes; IPv4 ones stand behind eight zeros. */
const ADDRESSES = 56;
const MACS = 120;

/** Compiles the active rules in the order in which they count. @param bytesEach of a rule in the core. */
export function accessTable(rules: readonly AccessRule[], bytesEach: number, number: NameNumber): AccessTable {
  const active = activeRules(rules);
  const bytes = new Uint8Array(active.length * bytesEach);
  for (const [i, rule] of active.entries()) {
    write(new DataView(bytes.buffer, i * bytesEach, bytesEach), rule, number);
  }
  const firstOnExit = active.findIndex((rule) => rule.toUser !== undefined || rule.toGroup !== undefined);
  return { bytes, count: active.length, entryRules: firstOnExit < 0 ? active.length : firstOnExit };
}

/** The rules that count, in their order. */
export function activeRules(rules: readonly AccessRule[]): readonly AccessRule[] {
  return rules.filter((rule) => rule.active !== false).toSorted(inOrder);
}

function inOrder(a: AccessRule, b: AccessRule): number {
  return a.priority - b.priority || Number(a.action === 'discard') - Number(b.action === 'discard');
}

function write(view: DataView, rule: AccessRule, number: NameNumber): void {
  const { from, to, fromPorts, toPorts, fromMac, toMac, tcpState, protocol } = rule;
  const addressBytes = (from ?? to)?.address.length;
  const looks =
    (addressBytes === undefined ? 0 : LOOK_ADDRESSES) |
    (protocol === undefined ? 0 : LOOK_PROTOCOL) |
    (fromPorts === undefined ? 0 : LOOK_FROM_PORT) |
    (toPorts === undefined ? 0 : LOOK_TO_PORT) |
    (fromMac === undefined && toMac === undefined ? 0 : LOOK_MACS) |
    (tcpState === 'unestablished' ? LOOK_UNESTABLISHED : tcpState === 'established' ? LOOK_ESTABLISHED : 0);
  const asksForIp = (looks & ~LOOK_MACS) !== 0;
  const kinds =
    addressBytes === 4
      ? KIND_IPV4
      : addressBytes === 16
        ? KIND_IPV6
        : KIND_IPV4 | KIND_IPV6 | (asksForIp ? 0 : KIND_OTHER);
  const words = [
    kinds,
    looks,
    rule.action === 'discard' ? 1 : 0,
    rule.loss ?? 0,
    rule.delay ?? 0,
    rule.jitter ?? 0,
    protocol ?? 0,
    rule.fromUser === undefined ? 0 : number('user', rule.fromUser),
    rule.fromGroup === undefined ? 0 : number('group', rule.fromGroup),
    rule.toUser === undefined ? 0 : number('user', rule.toUser),
    rule.toGroup === undefined ? 0 : number('group', rule.toGroup),
  ];
  for (const [i, word] of words.entries()) view.setUint32(i * 4, word, true);
  const ports = [fromPorts?.first, fromPorts?.last, toPorts?.first, toPorts?.last];
  for (const [i, port] of ports.entries()) view.setUint16(44 + i * 2, port ?? 0, true);
  view.setUint32(52, rule.redirect === undefined ? 0 : 1, true);
  for (const [i, range] of [from, to].entries()) writeRange(view, ADDRESSES + i * 32, 16, range);
  for (const [i, range] of [fromMac, toMac].entries()) writeRange(view, MACS + i * 16, 8, range);
}

/** The address under its mask, then the mask, each in a field of `room` bytes. */
function writeRange(view: DataView, at: number, room: number, range: AddressRange | undefined): void {
  if (range === undefined) return;
  const { address, mask } = range;
  // An IPv4 address is in the lower half of the field, a MAC at its start.
  const start = at + (address.length === 4 ? 8 : 0);
  for (const [i, byte] of address.entries()) {
    view.setUint8(start + i, byte & mask[i]!);
    view.setUint8(start + room + i, mask[i]!);
  }
}
