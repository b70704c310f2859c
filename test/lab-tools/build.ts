/** The lab's programs for a test: compiled from the sources as they are now, so that no stale dist/ is measured. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectRoot, runtimePath } from '../../lab/runtime.ts';

/** Compiles lab/ into a temporary directory and points the lab at it. Returns what removes it again. */
export function buildTools(): { readonly directory: string; remove(): void } {
  const directory = mkdtempSync(join(tmpdir(), 'lab-tools-'));
  chmodSync(directory, 0o755); // other users run them too
  writeFileSync(join(directory, 'package.json'), '{"type":"module"}');
  const flags = '--module nodenext --target es2023 --types node --strict --skipLibCheck --verbatimModuleSyntax';
  const rewrite = '--rewriteRelativeImportExtensions';
  const args = ['--ignoreConfig', '--rootDir', '.', '--outDir', directory, rewrite, ...flags.split(' ')];
  const tsc = join(projectRoot, 'node_modules', 'typescript', 'bin', 'tsc');
  const names = ['traffic-main', 'middlebox-main', 'netns', 'userns', 'requirements', 'ping'];
  const sources = names.map((name) => `lab/${name}.ts`);
  execFileSync(runtimePath('node'), [tsc, ...args, ...sources], { cwd: projectRoot, stdio: 'pipe' });
  process.env.ETHERLOOM_LAB_TOOLS = join(directory, 'lab');
  return {
    directory: join(directory, 'lab'),
    remove: () => {
      delete process.env.ETHERLOOM_LAB_TOOLS;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
