/**
 * Who resolves names: systemd-resolved where it does, resolvconf where that is, otherwise /etc/resolv.conf itself. The file
 * says in its first line whose it is and where the original is, so that it can be put right without a journal.
 */

import { createHash } from 'node:crypto';
import {
  chmodSync,
  linkSync,
  lstatSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { MachineChange } from '../../../engine/host.ts';
import { bootId, type Identity, isAlive } from './identity.ts';
import { demand, findProgram, run, settingsFailure } from './programs.ts';

type Dns = Extract<MachineChange, { kind: 'dns' }>;
export type DnsSaved = Readonly<Record<string, string>>;

const FILE = '/etc/resolv.conf';
/** What the resolver of the C library takes (resolv.conf(5), MAXNS). */
const SERVERS_MAX = 3;
const MARK = /^# Etherloom (\{.*\})$/m;

/** How it will be done, and what has to be known to undo it. Changes nothing. */
export function prepareDns(change: Dns, identity: Identity, directory: string): DnsSaved {
  const link = linkTarget();
  if (link?.includes('/systemd/resolve/') && findProgram('resolvectl') !== undefined) return { way: 'resolved' };
  if (isManaged(link) && findProgram('resolvconf') !== undefined) {
    return { way: 'resolvconf', record: `${change.tap}.etherloom` };
  }
  const id = `${identity.pid}-${identity.start}`;
  return {
    way: 'file',
    absent: exists(FILE) ? 'no' : 'yes',
    backup: `${FILE}.etherloom-${id}`,
    // Where the file cannot be replaced, as when it is a mount of its own, its text is kept here.
    copy: join(directory, `resolv.conf-${id}`),
  };
}

export function applyDns(change: Dns, saved: DnsSaved, identity: Identity): void {
  const { tap, servers, search } = change;
  switch (saved.way) {
    case 'resolved':
      demand('set the DNS servers', 'resolvectl', ['dns', tap, ...servers]);
      // `~.`: names of all domains are asked for here.
      demand('set the DNS domains', 'resolvectl', ['domain', tap, ...search, '~.']);
      return;
    case 'resolvconf':
      // Before all others, and instead of them; Debian's own resolvconf passes over what it does not know.
      demand('set the DNS servers', 'resolvconf', ['-a', saved.record!, '-m', '0', '-x'], body(change));
      return;
    default:
      replaceFile(body(change), saved, identity);
  }
}

/** Returns what was left because somebody else changed it. */
export function undoDns(change: Dns, saved: DnsSaved): readonly string[] {
  switch (saved.way) {
    case 'resolved':
      // With the TAP its settings go as well.
      run('resolvectl', ['revert', change.tap]);
      return [];
    case 'resolvconf':
      demand('take the DNS servers back', 'resolvconf', ['-d', saved.record!]);
      return [];
    default:
      return restoreFile(saved);
  }
}

/** A file that a process left which is gone, without a journal: after a crash of the whole machine. */
export function recoverDns(): readonly string[] {
  const mark = readMark();
  if (mark === undefined || isAlive(mark.identity)) return [];
  const { backup = '', copy = '', absent } = mark.saved;
  if (!exists(backup) && !exists(copy) && (absent !== 'yes' || !mark.intact)) return [];
  return [...restoreFile(mark.saved), `${FILE} is what it was before a process of Etherloom that is gone`];
}

function body({ servers, search }: Dns): string {
  return [
    ...(search.length === 0 ? [] : [`search ${search.join(' ')}`]),
    ...servers.slice(0, SERVERS_MAX).map((server) => `nameserver ${server}`),
    '',
  ].join('\n');
}

/** The first line, with a sum of the rest: who changes the file by hand is noticed. */
function marked(text: string, saved: DnsSaved, { pid, start }: Identity): string {
  const mark = { pid, start, boot: bootId(), ...saved, sum: sumOf(text) };
  return `# Etherloom ${JSON.stringify(mark)}\n# While etherloom connect runs. The original comes back when it ends.\n${text}`;
}

function readMark(): { readonly identity: Identity; readonly saved: DnsSaved; readonly intact: boolean } | undefined {
  const text = readText(FILE);
  const match = text === undefined ? null : MARK.exec(text);
  if (match === null) return undefined;
  try {
    const { pid, start, boot, sum, ...saved } = JSON.parse(match[1]!);
    const rest = text!.split('\n').slice(2).join('\n');
    const identity = { pid, start, boot, network: '' };
    return { identity, saved, intact: text!.startsWith('# Etherloom ') && sumOf(rest) === sum };
  } catch {
    return undefined;
  }
}

function replaceFile(text: string, saved: DnsSaved, identity: Identity): void {
  const content = marked(text, saved, identity);
  const ours = readMark()?.saved.backup === saved.backup;
  const present = exists(FILE);
  try {
    if (!ours && present) keepOriginal(saved);
    const inPlace = exists(saved.copy!);
    if (inPlace) {
      writeFileSync(FILE, content);
      return;
    }
    const neighbour = neighbourOf(saved);
    writeFileSync(neighbour, content);
    // Whatever the umask: every user's programs look names up.
    chmodSync(neighbour, 0o644);
    try {
      renameSync(neighbour, FILE);
    } catch (error) {
      rmSync(neighbour, { force: true });
      if (!present) throw error;
      // It is a mount: its name cannot be given to another file.
      rmSync(saved.backup!, { force: true });
      copyOriginal(saved);
      writeFileSync(FILE, content);
    }
  } catch (error) {
    throw settingsFailure('EACCES', `cannot set the DNS servers in ${FILE}: ${(error as Error).message}`);
  }
}

/** What is to become the file. */
function neighbourOf({ backup }: DnsSaved): string {
  return `${backup}.new`;
}

/** A second name for the very file, or the very link: with it everything about it comes back. */
function keepOriginal(saved: DnsSaved): void {
  rmSync(saved.backup!, { force: true });
  try {
    linkSync(FILE, saved.backup!);
  } catch {
    copyOriginal(saved);
  }
}

function copyOriginal(saved: DnsSaved): void {
  writeFileSync(saved.copy!, readFileSync(FILE), { mode: 0o600 });
  sameTimes(FILE, saved.copy!);
}

function restoreFile(saved: DnsSaved): readonly string[] {
  const { backup, copy } = saved as { backup: string; copy: string };
  // There only when the process was killed in the midst of it.
  rmSync(neighbourOf(saved), { force: true });
  const mark = readMark();
  if (mark !== undefined && mark.saved.backup !== backup && isAlive(mark.identity)) {
    // Another one of us has put its own in front: it brings this one back, and with it what was before both.
    return [];
  }
  if (mark?.intact !== true || mark.saved.backup !== backup) {
    const changed = exists(backup)
      ? !isSameFile(backup)
      : exists(copy)
        ? readText(copy) !== readText(FILE)
        : mark !== undefined;
    rmSync(backup, { force: true });
    rmSync(copy, { force: true });
    return changed ? [`${FILE} was changed by somebody else meanwhile, and stays as it is`] : [];
  }
  if (exists(backup)) {
    renameSync(backup, FILE);
  } else if (exists(copy)) {
    writeFileSync(FILE, readFileSync(copy));
    sameTimes(copy, FILE);
    rmSync(copy);
  } else if (mark.saved.absent === 'yes') {
    unlinkSync(FILE);
  } else {
    return [`${FILE} is ours and its original is gone: it stays as it is`];
  }
  // What came back may be of one of us that ended meanwhile.
  recoverDns();
  return [];
}

function sameTimes(from: string, to: string): void {
  // As seconds: a Date would cut them at the millisecond.
  const { atimeMs, mtimeMs } = statSync(from);
  utimesSync(to, atimeMs / 1000, mtimeMs / 1000);
}

function isSameFile(backup: string): boolean {
  const [left, right] = [lstatSync(FILE, { throwIfNoEntry: false }), lstatSync(backup)];
  return left?.ino === right.ino && left.dev === right.dev;
}

/** A resolvconf makes the file: Debian's links it, openresolv signs it. */
function isManaged(link: string | undefined): boolean {
  return link?.includes('/resolvconf/') === true || /^# Generated by resolvconf/m.test(readText(FILE) ?? '');
}

function linkTarget(): string | undefined {
  try {
    return readlinkSync(FILE);
  } catch {
    return undefined;
  }
}

function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function sumOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}
