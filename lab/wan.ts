/** A long line between two hosts of a lab: `wan/emulator.c`, compiled when it is first needed. */

import { join } from 'node:path';
import { type LabChild, run } from './child.ts';
import type { CableEnd, Lab, LabHost } from './netns.ts';
import { findProgram } from './requirements.ts';
import { projectRoot } from './runtime.ts';

export interface WanPath {
  /** Milliseconds one way. */
  readonly delayMs: number;
  /** Frames lost at random, each way. */
  readonly lossPercent?: number;
  /** The same loses the same frames of the same traffic. Default 1. */
  readonly seed?: number;
  /** What the line carries, and how many frames wait in front of it. */
  readonly rateMbit?: number;
  readonly queueFrames?: number;
  /** What the line carries of each TCP connection, each way, and how many of its frames wait. */
  readonly flowMbit?: number;
  readonly flowQueueFrames?: number;
}

export interface Wan {
  /** Has every frame from or to this TCP port vanish, until `thaw`. */
  freeze(port: number): void;
  thaw(): void;
  /** Has both ends of the connection with this TCP port get a reset in place of the next segment, and of each further one. */
  reset(port: number): void;
}

/** Why there can be no WAN on this machine; undefined when there can. */
export function missingForWan(): string | undefined {
  return findProgram('cc') === undefined ? 'there is no C compiler: sudo apt-get install gcc libc6-dev' : undefined;
}

/** Joins two hosts by a line of this kind; offloads are off, so that every frame is one on a wire. */
export async function connectByWan(lab: Lab, a: CableEnd, b: CableEnd, path: WanPath): Promise<Wan> {
  const program = await compile(lab);
  const box = await lab.addHost('wan');
  await lab.cable(a, { host: box, ifname: 'near' }, { offloads: false });
  await lab.cable(b, { host: box, ifname: 'far' }, { offloads: false });
  const child = await start(box, program, path);
  return {
    freeze: (port) => child.write(`freeze ${port}\n`),
    thaw: () => child.write('thaw\n'),
    reset: (port) => child.write(`reset ${port}\n`),
  };
}

async function start(box: LabHost, program: string, path: WanPath): Promise<LabChild> {
  const {
    delayMs,
    lossPercent = 0,
    seed = 1,
    rateMbit = 0,
    queueFrames = 100,
    flowMbit = 0,
    flowQueueFrames = 100,
  } = path;
  const numbers = [delayMs, lossPercent, seed, rateMbit, queueFrames, flowMbit, flowQueueFrames].map(String);
  const child = await box.spawn([program, 'near', 'far', ...numbers], { interactive: true });
  await child.waitForLine(/^ready/);
  return child;
}

/** @throws Error with what the compiler said. */
async function compile(lab: Lab): Promise<string> {
  const program = join(lab.tempDir, 'wan-emulator');
  await run(['cc', '-O2', '-o', program, join(projectRoot, 'lab', 'wan', 'emulator.c')]);
  return program;
}
