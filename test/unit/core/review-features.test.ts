/** What features that know nothing of one another do together. */
import { describe, expect, test } from 'vitest';
import { DEFAULT_POLICY } from '../../../engine/login/policy.ts';
import { BROADCAST, frame, mac } from '../../sim/frames.ts';
import { packet, unfinished, virtioHeader } from './packets.ts';
import { BUILDS, Rig } from './rig.ts';

describe.each(BUILDS)('%s: features together', (build) => {
  test('a super-frame that is cut for an upload limit gets to those of the VLAN whole', () => {
    const rig = new Rig(build);
    const hub = rig.core.openSwitch(0);
    const from = rig.tap(hub, { offload: true });
    const to = rig.session(hub);
    const vlan = { ...DEFAULT_POLICY, VLanId: 5 };
    rig.core.setPolicy(from, { ...vlan, MaxUpload: 8_000_000 }, rig.now);
    rig.core.setPolicy(to.port, vlan, rig.now);
    const whole = packet(new Uint8Array(4_000).fill(7));
    rig.arriveWith(virtioHeader(whole, 1_000), from, unfinished(whole));
    expect(to.take()).toHaveLength(4);
    expect(rig.core.buffersTotal - rig.core.buffersFree).toBe(rig.places);
  });

  test('a frame that goes round in a circle of links is not given back while queues hold it', {
    timeout: 30_000,
  }, () => {
    const rig = new Rig(build, { smallFrames: 16_384, largeFrames: 16, outBuffers: 32 });
    const hubs = [rig.core.openSwitch(0), rig.core.openSwitch(0)] as const;
    const tap = rig.tap(hubs[0]);
    const links = [0, 1, 2].flatMap(() => rig.core.openLink(...hubs, {}));
    // More places in their queues than a counter of 16 bits can count.
    const slow = Array.from({ length: 20 }, () => rig.core.openSession(hubs[1], {}));
    rig.arrive(tap, frame(BROADCAST, mac(1), 60));
    for (let i = 0; i < 400; i++) rig.core.moveLinks(rig.now);
    for (const port of [...links, ...slow]) rig.core.closePort(port);
    rig.drain();
    expect(rig.core.buffersTotal - rig.core.buffersFree).toBe(rig.places);
  });
});
