/** The server's configuration file: its text to checked data, with every default filled in. */

import type * as z from 'zod';
import type { CascadeOptions } from '../cascade/options.ts';
import type { PriorityRule } from '../core.ts';
import type { TapPortOptions } from '../node.ts';
import type { HubOptions, ServerOptions, UserOptions } from '../server/options.ts';
import type { Congestion } from '../session/congestion.ts';
import { chooseTls, type TlsChoice, type TlsChoiceResult } from '../tls-legacy/choice.ts';
import { accessRules } from './access-schema.ts';
import { type CascadeConfig, cascadeConfig } from './cascade-config.ts';
import { MAX_CASCADE_CONNECTIONS, MAX_CASCADES } from './cascade-schema.ts';
import { type ConfigDocument, parseConfigDocument } from './document.ts';
import { foldName } from './names.ts';
import { policyOf } from './policy-schema.ts';
import { type ConfigProblem, formatPath } from './problem.ts';
import type { logFormat, logLevel } from './rules.ts';
import { bridgeSchema, MAX_BRIDGES, MAX_CAS, MAX_HUBS, MAX_TAPS, serverSchema, serverSecrets } from './schema.ts';
import { problemsOf } from './schema-problems.ts';
import { CASCADE } from './session-rules.ts';
import { suggest } from './suggest.ts';

export interface ServerConfig {
  /** `bridge`: it listens nowhere, and `tls` means nothing. */
  readonly role: 'server' | 'bridge';
  readonly listen: ServerOptions['listen'];
  /** Paths as they stand in the file; relative ones are meant from the file's own directory. */
  readonly tls: { readonly certificate: string; readonly key: string; readonly choice: TlsChoice };
  readonly hubs: readonly HubConfig[];
  readonly timeoutMs: number;
  readonly maxConnections: number;
  readonly priorityRule: PriorityRule;
  readonly congestion: Congestion;
  readonly control: { readonly socket?: string };
  readonly log: { readonly level?: LogLevelName; readonly format?: LogFormat };
}

/** A hub whose certificates and secrets are still files. Paths as they stand in the configuration. */
export interface HubConfig extends Omit<HubOptions, 'users' | 'cas' | 'cascades'> {
  readonly users: readonly UserConfig[];
  readonly cascades: readonly CascadeConfig[];
  readonly caFiles?: readonly string[];
}

export interface UserConfig extends Omit<UserOptions, 'certificate'> {
  readonly certificateFile?: string;
}

/** The certificates that the files hold, in DER. */
export interface UserCertificates {
  /** Of each user that names a file. */
  readonly users: ReadonlyMap<UserConfig, Uint8Array>;
  readonly cas: ReadonlyMap<HubConfig, readonly Uint8Array[]>;
}

/** What the files hold that a configuration names. */
export interface ReadFiles {
  readonly users?: UserCertificates;
  /** By the names of their hubs. */
  readonly cascades?: ReadonlyMap<string, readonly CascadeOptions[]>;
}

export type LogLevelName = NonNullable<ReturnType<typeof logLevel.parse>>;
export type LogFormat = NonNullable<ReturnType<typeof logFormat.parse>>;

export type ConfigResult =
  | {
      readonly ok: true;
      readonly config: ServerConfig;
      /** A problem that shows only in the files that the configuration names. */
      readonly problem: (path: readonly PropertyKey[], message: string) => ConfigProblem;
    }
  /** In the order of the file; at least one. */
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

export function parseServerConfig(text: string): ConfigResult {
  return parse(text, 'server');
}

/** The configuration of a node that only bridges: the server's without `listen` and `tls`. */
export function parseBridgeConfig(text: string): ConfigResult {
  return parse(text, 'bridge');
}

function parse(text: string, role: ServerConfig['role']): ConfigResult {
  const document = parseConfigDocument(text);
  if (!('value' in document)) return { ok: false, problems: document };

  const parsed = role === 'bridge' ? withoutListener(document.value) : serverSchema.safeParse(document.value);
  const problems = [
    ...(parsed.success ? [] : problemsOf(parsed.error.issues, document, serverSecrets)),
    // Found in the document and not in the parsed data, so that one run shows these together with the others.
    ...crossProblems(document),
    ...(role === 'bridge' ? idleHubs(document) : []),
  ].sort((left, right) => left.line - right.line || left.column - right.column);
  if (!parsed.success || problems.length > 0) return { ok: false, problems };
  const chosen = chooseTls(parsed.data.tls, 'server');
  if (!chosen.ok) return { ok: false, problems: [tlsProblem(document, chosen)] };

  const { listen, tls, hubs, session, control, log } = parsed.data;
  const cascades = new Map<string, CascadeConfig[]>();
  for (const [hub, { cascades: found }] of Object.entries(hubs)) {
    const list: CascadeConfig[] = [];
    for (const [name, settings] of Object.entries(found)) {
      const cascade = cascadeConfig(name, settings);
      if ('problem' in cascade) {
        return { ok: false, problems: [tlsProblem(document, cascade, ['hubs', hub, 'cascades', name, 'tls'])] };
      }
      list.push(cascade);
    }
    cascades.set(hub, list);
  }
  return {
    ok: true,
    config: {
      role,
      listen,
      tls: { certificate: tls.certificate, key: tls.key, choice: chosen.choice },
      hubs: Object.entries(hubs).map(([name, hub]) => ({
        name,
        users: Object.entries(hub.users).map(([user, found]) => userConfig(user, found, hub.groups)),
        caFiles: hub.cas.length === 0 ? undefined : hub.cas,
        taps: hub.taps.map(
          ({ name: tap, address, mtu, busyPoll, offload }): TapPortOptions => ({
            name: tap,
            addresses: address ?? [],
            mtu,
            busyPollUs: busyPoll,
            offload,
          }),
        ),
        bridges: hub.bridges,
        stormLimit: hub.stormLimit,
        ...(hub.access === undefined ? {} : { access: accessRules(hub.access) }),
        cascades: cascades.get(name) ?? [],
      })),
      timeoutMs: session.timeout * 1000,
      maxConnections: session.maxConnections,
      priorityRule: session.priorityRule,
      congestion: session.congestion,
      control,
      log,
    },
    problem: (path, message) => ({ ...document.locate(path), path: formatPath(path), message }),
  };
}

type Parsed = z.output<typeof serverSchema>['hubs'][string];

/** The user's own policy wins over that of its group, field by field. */
function userConfig(name: string, user: Parsed['users'][string], groups: Parsed['groups']): UserConfig {
  const { passwordHash, certificate, ca, disabled, expires, group, policy } = user;
  const ofGroup = Object.entries(groups).find(([each]) => group !== undefined && foldName(each) === foldName(group));
  const both = { ...policyOf(ofGroup?.[1].policy ?? {}), ...policyOf(policy ?? {}) };
  return {
    name,
    passwordHash,
    certificateFile: certificate,
    ca,
    disabled,
    expires,
    policy: Object.keys(both).length === 0 ? undefined : both,
    group: ofGroup?.[0],
  };
}

/** What the engine needs, once the certificate and its key, and what users and cascades need have been read. */
export function serverOptions(
  config: ServerConfig,
  pem: { certificate: string; key: string },
  read: ReadFiles = {},
): ServerOptions {
  const { role, listen, timeoutMs, maxConnections, priorityRule, congestion } = config;
  const { certificate, key } = pem;
  return {
    role,
    listen,
    certificate,
    key,
    hubs: config.hubs.map((hub) => hubOptions(hub, read)),
    timeoutMs,
    maxConnections,
    priorityRule,
    congestion,
    tls: config.tls.choice,
  };
}

function hubOptions(hub: HubConfig, { users: certificates, cascades }: ReadFiles): HubOptions {
  const { caFiles, ...rest } = hub;
  return {
    ...rest,
    cas: certificates?.cas.get(hub),
    cascades: cascades?.get(hub.name) ?? [],
    users: hub.users.map((user) => {
      const { certificateFile, ...own } = user;
      const certificate = certificates?.users.get(user);
      // Without its certificate it would be a user who needs none.
      if (certificateFile !== undefined && certificate === undefined) {
        throw new TypeError(`certificates: expected the one of the user ${user.name}, got none`);
      }
      return { ...own, certificate };
    }),
  };
}

/** Which key of `tls` is wrong; one that is absent is missed where `tls` is. */
export function tlsProblem(
  document: ConfigDocument,
  { key, problem }: Pick<Extract<TlsChoiceResult, { ok: false }>, 'problem'> & { readonly key: string },
  tls: readonly PropertyKey[] = ['tls'],
): ConfigProblem {
  const path = [...tls, key];
  return { ...document.locate(path), path: formatPath(path), message: problem };
}

/** What a schema of single values cannot see: names and places that are taken twice, and more than there is room for. */
function crossProblems(document: ConfigDocument): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const report = (path: readonly PropertyKey[], other: readonly PropertyKey[], message: string, key: boolean) => {
    const place = key ? document.locateKey(path) : document.locate(path);
    const first = key ? document.locateKey(other) : document.locate(other);
    problems.push({ ...place, path: formatPath(path), message: `${message} (first in line ${first.line})` });
  };
  const root = entriesOf(document.value);
  const hubs = entriesOf(root.get('hubs'));

  const tooMany = (path: readonly PropertyKey[], key: boolean, most: number, what: string) => {
    const place = key ? document.locateKey(path) : document.locate(path);
    problems.push({ ...place, path: formatPath(path), message: `one too many; allowed are at most ${most} ${what}` });
  };

  const checkNames = (path: readonly PropertyKey[], names: readonly string[], what: string) => {
    const seen = new Map<string, string>();
    for (const name of names) {
      if (name === '__proto__') {
        // The schema passes over this key in silence.
        const message = 'this name is not allowed; JavaScript gives it a meaning of its own';
        problems.push({ ...document.locateKey([...path, name]), path: formatPath([...path, name]), message });
      }
      const first = seen.get(foldName(name));
      if (first === undefined) seen.set(foldName(name), name);
      else report([...path, name], [...path, first], `this ${what} exists already; case makes no difference`, true);
    }
  };
  checkNames(['hubs'], [...hubs.keys()], 'hub');
  if (hubs.size > MAX_HUBS) tooMany(['hubs', [...hubs.keys()][MAX_HUBS]!], true, MAX_HUBS, 'hubs');

  const taps = new Map<string, PropertyKey[]>();
  let tapCount = 0;
  for (const [hub, found] of hubs) {
    const hubEntries = entriesOf(found);
    checkNames(['hubs', hub, 'users'], [...entriesOf(hubEntries.get('users')).keys()], 'user');
    checkNames(['hubs', hub, 'groups'], [...entriesOf(hubEntries.get('groups')).keys()], 'group');
    problems.push(...memberProblems(document, hub, hubEntries));
    const cas = listOf(hubEntries.get('cas'));
    if (cas.length > MAX_CAS) tooMany(['hubs', hub, 'cas', MAX_CAS], false, MAX_CAS, 'CAs in a hub');
    checkNames(['hubs', hub, 'cascades'], [...entriesOf(hubEntries.get('cascades')).keys()], 'cascade');
    for (const [index, tap] of listOf(hubEntries.get('taps')).entries()) {
      if (++tapCount === MAX_TAPS + 1) tooMany(['hubs', hub, 'taps', index], false, MAX_TAPS, 'TAPs in all hubs');
      const name = entriesOf(tap).get('name');
      if (typeof name !== 'string') continue;
      const path = ['hubs', hub, 'taps', index, 'name'];
      const first = taps.get(name);
      if (first === undefined) taps.set(name, path);
      else report(path, first, 'this TAP exists already; a TAP is a port of one hub', false);
    }
  }

  problems.push(...cascadeProblems(document, hubs));
  let bridgeCount = 0;
  for (const [hub, found] of hubs) {
    for (const [index, bridge] of listOf(entriesOf(found).get('bridges')).entries()) {
      const path = ['hubs', hub, 'bridges', index];
      if (++bridgeCount === MAX_BRIDGES + 1) tooMany(path, false, MAX_BRIDGES, 'bridges in all hubs');
      const name = entriesOf(bridge).get('interface');
      if (typeof name !== 'string') continue;
      const first = taps.get(name);
      const message =
        first?.[2] === 'taps'
          ? 'this is a TAP of a hub, and a port already'
          : 'this interface is bridged already; an interface is a port of one hub';
      if (first === undefined) taps.set(name, [...path, 'interface']);
      else report([...path, 'interface'], first, message, false);
    }
  }

  const listeners = new Map<string, PropertyKey[]>();
  for (const [index, listener] of listOf(root.get('listen')).entries()) {
    const entries = entriesOf(listener);
    const key = `${String(entries.get('host') ?? '0.0.0.0').toLowerCase()} ${String(entries.get('port'))}`;
    const path = ['listen', index];
    const first = listeners.get(key);
    // With port 0 the system chooses another one each time.
    if (first !== undefined && entries.get('port') !== '0') {
      report(path, first, 'this host and port are listened on already', false);
    } else {
      listeners.set(key, path);
    }
  }
  return problems;
}

/** Users of groups, and of CAs, that the hub does not have. */
function memberProblems(document: ConfigDocument, hub: string, entries: Map<string, unknown>): ConfigProblem[] {
  const groups = [...entriesOf(entries.get('groups')).keys()];
  const cas = listOf(entries.get('cas'));
  return [...entriesOf(entries.get('users'))].flatMap(([user, found]) => {
    const problems: ConfigProblem[] = [];
    const report = (key: string, message: string) => {
      const path = ['hubs', hub, 'users', user, key];
      problems.push({ ...document.locate(path), path: formatPath(path), message });
    };
    const keys = entriesOf(found);
    const group = keys.get('group');
    if (typeof group === 'string' && !groups.some((each) => foldName(each) === foldName(group))) {
      const meant = suggest(group, groups);
      const advice = meant === undefined ? 'add it under groups' : `did you mean ${JSON.stringify(meant)}?`;
      report('group', `the hub has no group of this name; ${advice}`);
    }
    if (keys.has('ca') && cas.length === 0) {
      report('ca', 'the hub has no CAs; name their files with cas: [FILE] beside users');
    }
    return problems;
  });
}

/** Links that lead nowhere, and more cascades than there is room for. */
function cascadeProblems(document: ConfigDocument, hubs: ReadonlyMap<string, unknown>): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const names = new Set([...hubs.keys()].map(foldName));
  let count = 0;
  let connections = 0;
  for (const [hub, found] of hubs) {
    for (const [name, cascade] of entriesOf(entriesOf(found).get('cascades'))) {
      const path = ['hubs', hub, 'cascades', name];
      const entries = entriesOf(cascade);
      const report = (at: readonly PropertyKey[], message: string): void => {
        problems.push({ ...document.locate(at), path: formatPath(at), message });
      };
      const wanted = Number(entries.get('connections') ?? CASCADE.connections);
      const before = connections;
      if (entries.has('server') && wanted > 0) connections += wanted;
      if (++count === MAX_CASCADES + 1)
        report(path, `one too many; allowed are at most ${MAX_CASCADES} cascades in all hubs`);
      if (before <= MAX_CASCADE_CONNECTIONS && connections > MAX_CASCADE_CONNECTIONS) {
        report(path, `too many connections; allowed are at most ${MAX_CASCADE_CONNECTIONS} of all cascades together`);
      }
      const other = entries.get('hub');
      if (entries.has('server') || typeof other !== 'string') continue;
      if (foldName(other) === foldName(hub)) report([...path, 'hub'], 'a hub cannot be joined to itself');
      else if (!names.has(foldName(other))) {
        report([...path, 'hub'], 'there is no such hub here; a cascade to another server needs server: HOST:PORT');
      }
    }
  }
  return problems;
}

/** Hubs of a bridge that have nothing to bridge: fewer than two ports of whatever kind. */
function idleHubs(document: ConfigDocument): ConfigProblem[] {
  const hubs = entriesOf(entriesOf(document.value).get('hubs'));
  const idle = [...hubs].filter(([, hub]) => {
    const entries = entriesOf(hub);
    const ports = ['taps', 'bridges', 'cascades'].map((key) => sizeOf(entries.get(key)));
    return ports.reduce((sum, count) => sum + count, 0) < 2;
  });
  const message = 'this hub has nothing to bridge; a bridge needs two ports at least, such as a TAP and an interface';
  const problems = idle.map(([hub]) => {
    const path = ['hubs', hub];
    return { ...document.locateKey(path), path: formatPath(path), message };
  });
  if (hubs.size > 0 || !entriesOf(document.value).has('hubs')) return problems;
  const none = 'there is no hub, and so nothing to bridge';
  return [{ ...document.locate(['hubs']), path: 'hubs', message: none }];
}

/** The node's own part, and what stands for the rest. */
function withoutListener(found: unknown) {
  const parsed = bridgeSchema.safeParse(found);
  if (!parsed.success) return parsed;
  const { data } = serverSchema.pick({ tls: true }).safeParse({});
  return { success: true as const, data: { ...parsed.data, listen: [], tls: data!.tls } };
}

function sizeOf(value: unknown): number {
  return Array.isArray(value) ? value.length : entriesOf(value).size;
}

function entriesOf(value: unknown): Map<string, unknown> {
  return new Map(value !== null && typeof value === 'object' && !Array.isArray(value) ? Object.entries(value) : []);
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
