import type { Output } from './io.ts';

const BAR_CELLS = 24;

/** One line at the bottom of a terminal that is drawn again and again. Where there is no terminal it shows nothing. */
export class ProgressBar {
  readonly #output: Output | undefined;
  #shown = false;

  constructor(output: Output | undefined) {
    this.#output = output?.isTTY === true ? output : undefined;
  }

  /** @param share 0 to 1. */
  show(share: number, text: string): void {
    if (this.#output === undefined) return;
    const full = Math.round(Math.min(1, Math.max(0, share)) * BAR_CELLS);
    const line = `[${'#'.repeat(full)}${'-'.repeat(BAR_CELLS - full)}] ${text}`;
    // A line that is wider than the terminal would break, and could not be drawn over.
    this.#output.write(`\r${line.slice(0, (this.#output.columns ?? 80) - 1)}${CLEAR_REST}`);
    this.#shown = true;
  }

  clear(): void {
    if (!this.#shown) return;
    this.#output?.write(`\r${CLEAR_REST}`);
    this.#shown = false;
  }
}

/** ECMA-48 §8.3.41, EL: from the cursor to the end of the line. */
const CLEAR_REST = '\u001b[K';
