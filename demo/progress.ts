/** Says on stderr what is going on: in place on a terminal, a line now and then elsewhere. */

const QUIET_MS = 1_000;

export class Progress {
  #last = 0;
  #open = false;

  /** A step that begins. */
  step(text: string): void {
    this.#finishLine();
    process.stderr.write(`${text}\n`);
  }

  /** How far the current step is. */
  update(text: string): void {
    if (process.stderr.isTTY) {
      process.stderr.write(`\r\x1b[K  ${text}`);
      this.#open = true;
      return;
    }
    const now = performance.now();
    if (now - this.#last < QUIET_MS) return;
    this.#last = now;
    process.stderr.write(`  ${text}\n`);
  }

  /** The end of a step. */
  done(text: string): void {
    if (this.#open) process.stderr.write('\r\x1b[K');
    this.#open = false;
    process.stderr.write(`  ${text}\n`);
  }

  #finishLine(): void {
    if (this.#open) process.stderr.write('\n');
    this.#open = false;
  }
}

/** `[#####.....]  42 %  123 MB  1.23 Gbit/s`. `bytes` of `total`; `seconds` since the start. */
export function bar(bytes: number, total: number, seconds: number): string {
  const share = Math.min(1, total === 0 ? 1 : bytes / total);
  const filled = Math.round(share * 30);
  const rate = seconds > 0 ? (bytes * 8) / seconds / 1e9 : 0;
  const percent = `${Math.round(share * 100)}`.padStart(3);
  return `[${'#'.repeat(filled)}${'.'.repeat(30 - filled)}] ${percent} %  ${Math.round(bytes / 1e6)} MB  ${rate.toFixed(2)} Gbit/s`;
}
