/** The machine's settings on Linux: what the engine decided, done and undone. */

import type { HostError, Machine, MachineChange, Machines, OwnAddress } from '../../../engine/host.ts';
import { applyDns, prepareDns, recoverDns, undoDns } from './dns.ts';
import { applyFirewall, undoFirewall } from './firewall.ts';
import { bootId, sameNetwork } from './identity.ts';
import { deadJournals, type Entry, Journal } from './journal.ts';
import {
  applyAddress,
  applyIpv6,
  applyMtu,
  applyRoute,
  applyRule,
  attachedNetworks,
  hasIpv6,
  interfaceIndex,
  ownAddresses,
  undoAddress,
  undoRoute,
  undoRule,
} from './routing.ts';

export const machines: Machines = {
  recover(directories) {
    const said: string[] = [];
    for (const { identity, entries, remove } of deadJournals(directories)) {
      // Those of other namespaces are for whoever starts there; after a boot nothing of them is left.
      if (identity.boot === bootId() && !sameNetwork(identity)) continue;
      if (sameNetwork(identity)) {
        for (const entry of entries.toReversed()) said.push(...undone(entry, true));
        if (entries.length > 0) said.push(`undid what process ${identity.pid}, which is gone, had changed`);
      }
      remove();
    }
    said.push(...recoverDns());
    return said;
  },
  open: (tap, directories) => new LinuxMachine(tap, directories),
};

class LinuxMachine implements Machine {
  readonly ipv6 = hasIpv6();
  readonly index: number;
  readonly #tap: string;
  readonly #journal: Journal;
  /** In the order in which they were made. */
  readonly #entries = new Map<string, Entry>();

  constructor(tap: string, directories: readonly string[]) {
    this.#tap = tap;
    this.index = interfaceIndex(tap);
    this.#journal = new Journal(directories);
    // Whatever ends the process, a second signal or a mistake of ours: all of it is done without waiting.
    process.once('exit', this.#atExit);
  }

  readonly #atExit = (): void => {
    this.end();
  };

  networks(): readonly string[] {
    return attachedNetworks(this.#tap);
  }

  ownAddresses(): readonly OwnAddress[] {
    return ownAddresses(this.#tap);
  }

  apply(key: string, change: MachineChange): void {
    const before = this.#entries.get(key);
    const entry: Entry = { key, change, ...this.#prepare(change, before) };
    this.#journal.add(entry);
    this.#entries.set(key, entry);
    const { identity } = this.#journal;
    switch (change.kind) {
      case 'address':
        return applyAddress(change);
      case 'mtu':
        return applyMtu(change);
      case 'route':
        return applyRoute(change);
      case 'rule':
        return applyRule(change);
      case 'ipv6':
        return applyIpv6(change);
      case 'dns':
        return applyDns(change, entry.saved!, identity);
      case 'firewall':
        return applyFirewall(entry.saved!.table!, change);
    }
  }

  undo(key: string): readonly string[] {
    const entry = this.#entries.get(key);
    if (entry === undefined) return [];
    const said = undone(entry, false);
    this.#entries.delete(key);
    this.#journal.remove(key);
    return said;
  }

  end(): readonly string[] {
    const said: string[] = [];
    for (const [key, entry] of [...this.#entries].toReversed()) {
      // The kernel takes these away with the TAP.
      if (isOfTap(entry.change)) continue;
      said.push(...undone(entry, false));
      this.#journal.remove(key);
    }
    this.#entries.clear();
    this.#journal.end();
    process.removeListener('exit', this.#atExit);
    return said;
  }

  #prepare(change: MachineChange, before: Entry | undefined): Pick<Entry, 'saved'> {
    if (before?.saved !== undefined) return { saved: before.saved };
    const { identity, directory } = this.#journal;
    if (change.kind === 'dns') return { saved: prepareDns(change, identity, directory) };
    if (change.kind === 'firewall') return { saved: { table: `etherloom_${identity.pid}_${identity.start}` } };
    return {};
  }
}

/** @param dead The process that made the change is gone, and its TAP with it. Never throws. */
function undone({ change, saved }: Entry, dead: boolean): readonly string[] {
  try {
    switch (change.kind) {
      case 'address':
        if (!dead) undoAddress(change);
        return [];
      case 'route':
        if (!dead) undoRoute(change);
        return [];
      case 'rule':
        undoRule(change);
        return [];
      case 'dns':
        return saved === undefined ? [] : undoDns(change, saved);
      case 'firewall':
        if (saved?.table !== undefined) undoFirewall(saved.table);
        return [];
      default:
        return [];
    }
  } catch (error) {
    return [(error as HostError).message];
  }
}

function isOfTap({ kind }: MachineChange): boolean {
  return kind === 'address' || kind === 'route' || kind === 'mtu' || kind === 'ipv6';
}
