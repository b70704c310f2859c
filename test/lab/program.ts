/** A program of this project as a user runs it, and what it would leave. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from '../../lab/runtime.ts';

/** @param script Below dist/. */
export function start(script: string, ...args: string[]) {
  const child = spawn(process.execPath, [join(projectRoot, 'dist', script), ...args]);
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (bytes) => {
    said.stdout += bytes;
  });
  child.stderr.on('data', (bytes) => {
    said.stderr += bytes;
  });
  const ended = new Promise<number | null>((resolve) => child.on('exit', resolve));
  return { child, said, ended };
}

/** What a lab of that process would leave: namespaces and directories carry its pid. */
export function traces(pid: number): string[] {
  const places = ['/run/netns', tmpdir()].filter((place) => existsSync(place));
  return places.flatMap((place) => readdirSync(place).filter((name) => name.startsWith(`el-${pid}-`)));
}
