/**
 * Deflate and inflate as the data path calls them: by the core itself, or by the host where the core's own do not work.
 * And the clock by which they are timed: the one thing besides memory that the core needs from its host all the time.
 */

import { deflateZlib } from './deflate/deflate';
import { inflateZlib } from './deflate/inflate';

/** The host's milliseconds, with fractions. */
@external('env', 'clock')
export declare function clock(): f64;

/** `deflateZlib` of the host: bytes at `from`, the stream at `to`; its length. */
@external('env', 'deflate')
declare function hostDeflate(from: u32, length: u32, to: u32): u32;

/** `inflateZlib` of the host: bytes, or why not, below 0. */
@external('env', 'inflate')
declare function hostInflate(from: u32, length: u32, to: u32, limit: u32): i32;

let hosts: bool = false;

/** Has the host deflate and inflate from now on, or the core. */
export function useHostCodec(yes: bool): void {
  hosts = yes;
}

@inline
export function deflateBlock(from: u32, length: u32, to: u32): u32 {
  return hosts ? hostDeflate(from, length, to) : deflateZlib(from, length, to);
}

@inline
export function inflateBlock(from: u32, length: u32, to: u32, limit: u32): i32 {
  return hosts ? hostInflate(from, length, to, limit) : inflateZlib(from, length, to, limit);
}
