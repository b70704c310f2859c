/** A client's profile, `etherloom connect --profile`: its text to checked data. What it leaves open stays open. */

import type { PriorityRule } from '../core.ts';
import type { ProxyPlace } from '../proxy/url.ts';
import type { Congestion } from '../session/congestion.ts';
import type { TlsSettings } from '../tls-legacy/choice.ts';
import { type ConfigDocument, parseConfigDocument } from './document.ts';
import { type ConfigProblem, formatPath } from './problem.ts';
import { profileSchema, profileSecrets } from './profile-schema.ts';
import { problemsOf } from './schema-problems.ts';
import type { ServerAddress } from './server-address.ts';
import type { LogFormat, LogLevelName } from './server-config.ts';

/** Paths as they stand in the file; relative ones are meant from the file's own directory. Times are in seconds. */
export interface ConnectProfile {
  readonly server?: ServerAddress;
  readonly hub?: string;
  readonly user?: string;
  readonly passwordFile?: string;
  readonly plainPassword?: boolean;
  readonly anonymous?: boolean;
  readonly clientCertificate?: string;
  readonly clientKey?: string;
  readonly tls: TlsSettings;
  readonly tap: {
    readonly name?: string;
    readonly address?: readonly string[];
    readonly mtu?: number;
    readonly busyPoll?: number;
    readonly offload?: boolean;
    readonly mac?: Uint8Array;
    readonly dhcp?: boolean;
    readonly ipv6?: 'auto' | 'dhcp' | 'off';
  };
  /** Networks in CIDR form, and the words `default` and `auto`. */
  readonly routes?: readonly string[];
  readonly gateway?: readonly string[];
  readonly metric?: number;
  /** Addresses, and the word `auto`. */
  readonly dns?: readonly string[];
  readonly search?: readonly string[];
  readonly killSwitch?: boolean;
  readonly allowLan?: boolean;
  readonly pin?: string;
  readonly ca?: string;
  readonly insecure?: boolean;
  readonly bridge?: boolean;
  readonly monitor?: boolean;
  readonly qos?: boolean;
  readonly priorityRule?: PriorityRule;
  readonly congestion?: Congestion;
  readonly connections?: number;
  readonly connectionInterval?: number;
  /** Infinity: off. */
  readonly connectionLifetime?: number;
  readonly halfDuplex?: boolean;
  readonly encrypt?: boolean;
  readonly compress?: boolean;
  /** Infinity: unlimited. */
  readonly reconnect: { readonly interval?: number; readonly attempts?: number };
  readonly proxy?: { readonly url: ProxyPlace; readonly credentialsFile?: string };
  readonly log: { readonly level?: LogLevelName; readonly format?: LogFormat };
}

export type ProfileResult =
  | {
      readonly ok: true;
      readonly profile: ConnectProfile;
      /** A problem that shows only together with what is not in the file. */
      readonly problem: (path: readonly PropertyKey[], message: string) => ConfigProblem;
    }
  /** In the order of the file; at least one. */
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

export function parseConnectProfile(text: string): ProfileResult {
  const document = parseConfigDocument(text);
  if (!('value' in document)) return { ok: false, problems: document };
  const parsed = profileSchema.safeParse(document.value);
  const problems = [
    ...(parsed.success ? [] : problemsOf(parsed.error.issues, document, profileSecrets)),
    ...contradictions(document),
  ].sort((left, right) => left.line - right.line || left.column - right.column);
  if (!parsed.success || problems.length > 0) return { ok: false, problems };
  return {
    ok: true,
    profile: parsed.data,
    problem: (path, message) => ({ ...document.locate(path), path: formatPath(path), message }),
  };
}

/** Keys that exclude each other. A switch that is off excludes nothing. */
function contradictions(document: ConfigDocument): ConfigProblem[] {
  const { value } = document;
  if (value === null || typeof value !== 'object') return [];
  const present = Object.entries(value).flatMap(([key, found]) => (found === 'false' ? [] : [key]));
  return EXCLUSIVE.flatMap((keys) => {
    const [first, ...others] = present.filter((key) => keys.includes(key));
    const both = keys.join(' and ');
    return others.map((key) => ({
      ...document.locateKey([key]),
      path: key,
      message: `allowed is only one of ${both}; ${first} stands in line ${document.locateKey([first!]).line}`,
    }));
  });
}

const EXCLUSIVE: readonly (readonly string[])[] = [
  ['pin', 'ca'],
  ['pin', 'insecure'],
  ['ca', 'insecure'],
  ['anonymous', 'passwordFile'],
  ['anonymous', 'plainPassword'],
  ['anonymous', 'clientCertificate'],
  ['passwordFile', 'clientCertificate'],
  ['plainPassword', 'clientCertificate'],
];
