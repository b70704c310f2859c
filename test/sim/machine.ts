/** A machine of which settings are made in memory. */
import type { HostError, Machine, MachineChange, OwnAddress } from '../../engine/host.ts';

export class SimMachine implements Machine {
  readonly ipv6 = true;
  readonly index = 7;
  readonly made = new Map<string, MachineChange>();
  /** `+key` and `-key`, in their order. */
  readonly steps: string[] = [];
  /** What is refused, by the beginning of its key. */
  refused: string | undefined;
  lan: readonly string[] = ['192.168.1.0/24'];
  own: readonly OwnAddress[] = [{ address: 'fe80::7/64', linkLocal: true, tentative: false }];
  ended = false;

  networks(): readonly string[] {
    return this.lan;
  }

  ownAddresses(): readonly OwnAddress[] {
    return this.own;
  }

  apply(key: string, change: MachineChange): void {
    if (this.refused !== undefined && key.startsWith(this.refused)) {
      throw { doing: 'settings', code: 'EIO', message: `cannot make ${key}` } satisfies HostError;
    }
    this.steps.push(`+${key}`);
    this.made.set(key, change);
  }

  undo(key: string): readonly string[] {
    if (this.made.delete(key)) this.steps.push(`-${key}`);
    return [];
  }

  end(): readonly string[] {
    for (const key of [...this.made.keys()].toReversed()) this.undo(key);
    this.ended = true;
    return [];
  }
}
