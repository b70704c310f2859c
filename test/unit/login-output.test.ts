import { describe, expect, it } from 'vitest';
import { Output } from '../../engine/login/output.ts';

describe('a queue of output', () => {
  it('gives back in order what it took', () => {
    const output = new Output(10);
    expect([output.push(Uint8Array.of(1)), output.push(Uint8Array.of(2, 3))]).toEqual([true, true]);
    expect([output.poll(), output.poll(), output.poll()]).toEqual([Uint8Array.of(1), Uint8Array.of(2, 3), undefined]);
  });

  it('takes no more than its limit, and again when it was emptied', () => {
    const output = new Output(10);
    expect([output.push(new Uint8Array(6)), output.push(new Uint8Array(5)), output.push(new Uint8Array(4))]).toEqual([
      true,
      false,
      true,
    ]);
    output.poll();
    expect([output.push(new Uint8Array(7)), output.push(new Uint8Array(6))]).toEqual([false, true]);
  });
});
