/** What a TAP's MTU means for TCP that passes its port: `protocol/data-plane.md` §6.8. */

import { expect, test } from 'vitest';
import { packet } from '../unit/core/packets.ts';
import { hexes } from '../unit/core/rig.ts';
import { SimLab } from './lab.ts';

function syn(mss: number): Uint8Array<ArrayBuffer> {
  return packet(new Uint8Array(0), { flags: 0x02, options: [2, 4, mss >> 8, mss & 255] });
}

test.each([
  [576, 536],
  [1400, 1360],
  [1499, 1459],
  [1500, 1460],
  [9000, 1460],
  [undefined, 1460],
])('through a TAP with an MTU of %s a connection that offers 1460 gets %s', async (mtu, mss) => {
  const lab = new SimLab(1);
  const taps = [
    { name: 'small0', addresses: [], mtu },
    { name: 'usual0', addresses: [] },
  ];
  await lab.serve({ hubs: [{ name: 'lab', stormLimit: 0, users: [], taps }] });
  const [small, usual] = lab.serverHost.opened;
  small!.arrive(syn(1460));
  await lab.world.run(10);
  expect(hexes(usual!.frames)).toEqual(hexes([syn(mss)]));
  usual!.arrive(
    packet(new Uint8Array(0), {
      flags: 0x02,
      options: [2, 4, 5, 0xb4],
      from: [2, 0, 0, 0, 0, 9],
      to: [2, 0, 0, 0, 0, 1],
    }),
  );
  await lab.world.run(10);
  expect(hexes(small!.frames.map((frame) => frame.subarray(54, 58)))).toEqual(
    hexes([Uint8Array.of(2, 4, mss >> 8, mss & 255)]),
  );
});
