/** What features that know nothing of one another do together. */
import { describe, expect, test } from 'vitest';
import { DEFAULT_POLICY } from '../../../engine/login/policy.ts';
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
});
