import type { Environment } from './environment.ts';
import type { Io } from './io.ts';

/** What every command gets. */
export interface Context {
  readonly environment: Environment;
  readonly io: Io;
}
