/** Fresh hosts for every test of a file. */

import { afterEach, beforeEach } from 'vitest';
import { Lab, type LabHost } from '../../lab/netns.ts';

/**
 * Before each test of the file: hosts of these names on one switch, the first with 10.77.0.1/24 and fd77::1/64, the next with
 * the next addresses. After it all of them go, with whatever was started on them.
 */
export function hostsOnLan<Name extends string>(
  ...names: Name[]
): Readonly<Record<Name, LabHost>> & { readonly lab: Lab } {
  let lab: Lab | undefined;
  const hosts = new Map<string, LabHost>();
  beforeEach(async () => {
    lab = await Lab.create();
    const lan = await lab.addSwitch('lan');
    for (const [i, name] of names.entries()) {
      const host = await lab.addHost(name);
      await lab.connect(host, lan, { address: [`10.77.0.${i + 1}/24`, `fd77::${i + 1}/64`] });
      hosts.set(name, host);
    }
  });
  afterEach(async () => {
    await lab?.close();
  });
  const getters = Object.fromEntries(names.map((name) => [name, { get: () => hosts.get(name) }]));
  return Object.defineProperties({}, { ...getters, lab: { get: () => lab } }) as Readonly<Record<Name, LabHost>> & {
    readonly lab: Lab;
  };
}
