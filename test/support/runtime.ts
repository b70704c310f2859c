import type { Host } from '../../engine/host.ts';

/** Whether these tests run in Bun (`npx bun --bun vitest run`) or in Node (`npx vitest run`). */
export const isBun = 'Bun' in globalThis;

/** The host of the runtime that the test runs in. */
export async function loadHost(): Promise<Host> {
  const { createHost } = isBun ? await import('../../hosts/bun/main.ts') : await import('../../hosts/node/main.ts');
  return createHost();
}
