import type { HostError } from '../../engine/host.ts';

/** A `HostError` that can be thrown: it carries a stack for the developer and words for everybody else. */
export class HostFailure extends Error implements HostError {
  readonly doing: HostError['doing'];
  readonly code: string;

  constructor(doing: HostError['doing'], code: string, message: string) {
    super(message);
    this.name = 'HostFailure';
    this.doing = doing;
    this.code = code;
  }
}
