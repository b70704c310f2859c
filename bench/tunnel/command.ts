/** The options of `npm run bench -- tunnel`, and what becomes of the run. */

import { assertRequirements } from '../../lab/requirements.ts';
import { enterUserNamespace } from '../../lab/userns.ts';
import { UsageError } from '../usage-error.ts';
import { writeMarkdown } from './markdown.ts';
import { MEASURES } from './measures/index.ts';
import { runTunnels } from './run.ts';
import { SUBJECTS } from './subjects/index.ts';
import { Summary } from './summary.ts';
import { renderText } from './text.ts';

export interface TunnelCommand {
  readonly json: boolean;
  readonly quick: boolean;
  /** Undefined: as `quick` has it. */
  readonly rounds: number | undefined;
  readonly seconds: number | undefined;
  /** Beginnings of names of subjects; undefined: all. */
  readonly only: readonly string[] | undefined;
  readonly measures: readonly string[] | undefined;
  readonly markdown: string | undefined;
}

/** What a quick run leaves out unless it is asked for. */
const LONG: readonly string[] = ['tcp4'];

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

/** @throws UsageError for a name that means nothing. Returns the exit code. */
export async function tunnelCommand(command: TunnelCommand): Promise<number> {
  const subjects = pick('--only', SUBJECTS, command.only, (name, wish) => name.startsWith(wish));
  const measures = pick('--measures', MEASURES, command.measures).filter(
    ({ name }) => command.measures !== undefined || !(command.quick && LONG.includes(name)),
  );
  assertRequirements();
  await enterUserNamespace();
  const interrupted = new AbortController();
  let code = 0;
  const handlers = Object.entries(SIGNALS).map(([signal, number]) => {
    // The lab hears the same signal and ends all that runs.
    const handler = (): void => {
      code = 128 + number;
      interrupted.abort(new Error('interrupted'));
    };
    process.on(signal, handler);
    return () => process.off(signal, handler);
  });
  try {
    const results = await runTunnels({
      ...{ subjects, measures, quick: command.quick, signal: interrupted.signal },
      rounds: command.rounds ?? (command.quick ? 1 : 3),
      seconds: command.seconds ?? (command.quick ? 1 : 3),
      say: (text) => console.error(text),
    });
    const summary = new Summary(results);
    console.log(command.json ? JSON.stringify(results) : renderText(summary));
    if (command.markdown !== undefined)
      console.error(`written: ${writeMarkdown(command.markdown, summary).join(', ')}`);
  } catch (error) {
    if (!interrupted.signal.aborted) throw error;
    console.error('interrupted');
  } finally {
    for (const off of handlers) off();
  }
  return code;
}

function pick<T extends { name: string }>(
  option: string,
  all: readonly T[],
  wanted: readonly string[] | undefined,
  fits = (name: string, wish: string): boolean => name === wish,
): readonly T[] {
  if (wanted === undefined) return all;
  for (const wish of wanted) {
    if (all.some(({ name }) => fits(name, wish))) continue;
    throw new UsageError(`${option}: expected some of ${all.map(({ name }) => name).join(', ')}, got ${wish}`);
  }
  return all.filter(({ name }) => wanted.some((wish) => fits(name, wish)));
}
