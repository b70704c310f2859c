import type { PackBuilder } from '../pack/builder.ts';
import type { Pack } from '../pack/pack.ts';

/** The client's operating system: `protocol/control-plane.md` §4.8. Outside Windows all numbers are 0. */
export interface OsInfo {
  readonly isWindows: boolean;
  readonly isNt: boolean;
  readonly isServer: boolean;
  readonly isBeta: boolean;
  readonly major: number;
  readonly minor: number;
  readonly build: number;
  readonly servicePack: number;
  readonly title: string;
}

/** What a client on anything but Windows sends. */
export function otherOs(title: string): OsInfo {
  const no = { isWindows: false, isNt: false, isServer: false, isBeta: false };
  return { ...no, major: 0, minor: 0, build: 0, servicePack: 0, title };
}

export function putOsInfo(builder: PackBuilder, info: OsInfo): PackBuilder {
  return builder
    .int('V_Build', info.build)
    .bool('V_IsBeta', info.isBeta)
    .bool('V_IsNT', info.isNt)
    .bool('V_IsServer', info.isServer)
    .bool('V_IsWindows', info.isWindows)
    .int('V_ServicePack', info.servicePack)
    .str('V_Title', info.title)
    .int('V_VerMajor', info.major)
    .int('V_VerMinor', info.minor);
}

/** Undefined when the client sent none. */
export function getOsInfo(pack: Pack): OsInfo | undefined {
  if (!pack.has('V_Title')) return undefined;
  return {
    isWindows: pack.bool('V_IsWindows'),
    isNt: pack.bool('V_IsNT'),
    isServer: pack.bool('V_IsServer'),
    isBeta: pack.bool('V_IsBeta'),
    major: pack.int('V_VerMajor'),
    minor: pack.int('V_VerMinor'),
    build: pack.int('V_Build'),
    servicePack: pack.int('V_ServicePack'),
    title: pack.str('V_Title'),
  };
}
