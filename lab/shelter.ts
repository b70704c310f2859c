/** A host whose programs see another /etc/resolv.conf: the machine's own is never touched. */
import { cpSync, mkdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LabHost } from './netns.ts';

/** How the file is another one: a mount of its own, as in containers, or in a copy of the whole directory. */
export type ShelterKind = 'file' | 'directory';

export class ShelteredHost extends LabHost {
  /** Where the programs' /etc/resolv.conf is for everybody else. */
  readonly resolvConf: string;
  readonly #mounts: readonly [from: string, to: string];

  constructor(host: LabHost, kind: ShelterKind, text: string) {
    super(host.lab, host.role, host.namespace);
    const base = join(host.lab.tempDir, `shelter-${host.role}`);
    mkdirSync(base);
    if (kind === 'file') {
      this.resolvConf = join(base, 'resolv.conf');
      this.#mounts = [this.resolvConf, '/etc/resolv.conf'];
    } else {
      const etc = join(base, 'etc');
      cpSync('/etc', etc, {
        recursive: true,
        verbatimSymlinks: true,
        filter: (source) => !/\/(ssl|java|ca-)/.test(source),
      });
      this.resolvConf = join(etc, 'resolv.conf');
      this.#mounts = [etc, '/etc'];
    }
    writeFileSync(this.resolvConf, text, { mode: 0o644 });
    // A time that no clock shows now.
    utimesSync(this.resolvConf, 1_700_000_000, 1_700_000_000);
  }

  override wrap(command: readonly string[]): string[] {
    // As a careful root has it: what others have to read must not count on more.
    const script = 'umask 077 && mount --bind "$0" "$1" && shift && exec "$@"';
    return super.wrap([
      'unshare',
      '--mount',
      '--propagation',
      'private',
      'sh',
      '-c',
      script,
      ...this.#mounts,
      ...command,
    ]);
  }

  /** The text, and what tells one file from another. */
  resolver(): string {
    const { ino, mode, uid, mtimeMs } = statSync(this.resolvConf);
    return `${ino} ${mode} ${uid} ${mtimeMs}\n${readFileSync(this.resolvConf, 'utf8')}`;
  }
}
