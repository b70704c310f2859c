/**
 * `node lab/frames-main.js FILE`: opens the sessions that a scenario names, sends its frames phase by phase, and writes which
 * of them came where to FILE.result, in JSON.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { FrameSession, type FrameSessionOptions } from './frames.ts';

export interface Scenario {
  readonly sessions: readonly FrameSessionOptions[];
  /** What each session sends: its number in `sessions`, and the frame in hexadecimal digits. */
  readonly phases: readonly { readonly waitMs: number; readonly send: readonly (readonly [number, string])[] }[];
}

/** Of each session the frames that it got, in hexadecimal digits; of one that was refused why. */
export type ScenarioResult = readonly { readonly frames: readonly string[]; readonly error?: string }[];

const { sessions: wanted, phases } = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as Scenario;
const errors: (string | undefined)[] = [];
const sessions: (FrameSession | undefined)[] = [];
for (const [i, options] of wanted.entries()) {
  sessions[i] = await FrameSession.open(options).catch((error: Error) => {
    errors[i] = error.message;
    return undefined;
  });
}
// The server has told its hub of the last one a moment after it answered it.
await sleep(300);
for (const { waitMs, send } of phases) {
  for (const [i, session] of sessions.entries()) {
    const frames = send.filter(([from]) => from === i).map(([, hex]) => Buffer.from(hex, 'hex'));
    if (frames.length > 0) session?.send(frames);
  }
  await sleep(waitMs);
}
const result: ScenarioResult = sessions.map((session, i) => {
  const error = errors[i] ?? session?.lost;
  const frames = session?.received.map((frame) => frame.toString('hex')) ?? [];
  return { frames, ...(error === undefined ? {} : { error }) };
});
for (const session of sessions) session?.close();
writeFileSync(`${process.argv[2]}.result`, JSON.stringify(result));

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
