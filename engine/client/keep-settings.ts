/** Holds the machine at what is planned for it. */

import type { HostError, Log, Machine } from '../host.ts';
import type { Planned } from './plan.ts';

export class SettingsKeeper {
  readonly #machine: Machine;
  readonly #log: Log;
  /** What is in place, in the order in which it was made. */
  readonly #made = new Map<string, string>();
  /** What could not be made, so that it is said once. */
  readonly #failed = new Map<string, string>();

  constructor(machine: Machine, log: Log) {
    this.#machine = machine;
    this.#log = log;
  }

  /** Throws a `HostError` when something cannot be had that the profile asks for. */
  update(planned: readonly Planned[]): void {
    const wanted = new Map(planned.map((each) => [each.key, each]));
    for (const key of [...this.#made.keys()].toReversed()) {
      if (wanted.has(key)) continue;
      this.#made.delete(key);
      this.#say(this.#machine.undo(key));
      this.#log('debug', 'a setting of the machine was undone', { key });
      // With the last address of a family the kernel takes the routes of the interface away.
      if (key.startsWith('address ')) this.#forgetRoutes();
    }
    for (const { key, change, soft, stamp } of wanted.values()) {
      const text = JSON.stringify([change, stamp]);
      if (this.#made.get(key) === text) continue;
      try {
        this.#machine.apply(key, change);
        this.#log('debug', 'a setting of the machine was made', { ...change });
        this.#made.set(key, text);
        this.#failed.delete(key);
      } catch (error) {
        // A part of it may be there.
        this.#made.delete(key);
        this.#say(this.#machine.undo(key));
        if (!soft) throw error;
        if (this.#failed.get(key) === text) continue;
        this.#failed.set(key, text);
        this.#log('warn', 'a server asks for what cannot be set', { cause: (error as HostError).message });
      }
    }
  }

  #forgetRoutes(): void {
    for (const key of [...this.#made.keys()]) if (key.startsWith('route ')) this.#made.delete(key);
  }

  end(): void {
    this.#made.clear();
    this.#say(this.#machine.end());
  }

  #say(left: readonly string[]): void {
    for (const cause of left) this.#log('warn', 'a setting of the machine was not undone', { cause });
  }
}
