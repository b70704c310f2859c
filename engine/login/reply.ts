import { PackBuilder } from '../pack/builder.ts';

/** A peer's Pack that lacks what it must have; `code` is what to answer or to report (`./errors.ts`). */
export interface MessageError {
  readonly ok: false;
  readonly code: number;
  readonly cause: string;
}

export function messageError(code: number, cause: string): MessageError {
  return { ok: false, code, cause };
}

/**
 * A refusal: `protocol/control-plane.md` §5.
 *
 * @param code As in `./errors.ts`; 0 is a `RangeError`, because the peer would take it for a yes.
 */
export function buildRefusal(code: number, noSavePassword = false): PackBuilder {
  if (code === 0) throw new RangeError('code: expected a number other than 0, got 0');
  return new PackBuilder().int('error', code).bool('no_save_password', noSavePassword);
}
