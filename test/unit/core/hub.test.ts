import { describe, expect, test } from 'vitest';
import { BROADCAST, frame, mac } from '../../sim/frames.ts';
import { bpdu, bulk, tagged } from './frames.ts';
import { BUILDS, Rig } from './rig.ts';

const A = mac(1);
const B = mac(2);
const C = mac(3);

describe.each(BUILDS)('%s: a hub', (build) => {
  function hubOf(count: number) {
    const rig = new Rig(build);
    const hub = rig.core.openSwitch(0);
    const sessions = Array.from({ length: count }, () => rig.session(hub));
    /** How many frames reached each session since the last look. */
    const counts = (): number[] => sessions.map((session) => session.take().length);
    return { rig, hub, sessions, counts };
  }

  test('floods what is for a station that it does not know, except back', () => {
    const { sessions, counts } = hubOf(4);
    sessions[1]!.send(frame(A, B));
    expect(counts()).toEqual([1, 0, 1, 1]);
  });

  test('sends to the port on which a station was heard, and nowhere else', () => {
    const { rig, hub, sessions, counts } = hubOf(4);
    sessions[0]!.send(frame(BROADCAST, A));
    counts();
    sessions[1]!.send(frame(A, B, 1514));
    expect(counts()).toEqual([1, 0, 0, 0]);
    sessions[0]!.send(frame(B, A));
    expect(counts()).toEqual([0, 1, 0, 0]);
    expect(rig.core.fdbSize(hub)).toBe(2);
  });

  test('frames arrive as they were, to the byte', () => {
    const { sessions } = hubOf(3);
    const sent = [bulk(1, 14), bulk(2, 60), bulk(3, 1514), bulk(4, 1600)];
    sessions[0]!.send(...sent);
    expect(sessions[1]!.take()).toEqual(sent);
    expect(sessions[2]!.take()).toEqual(sent);
  });

  test('drops what is for a station on the port that it came from', () => {
    const { sessions, counts } = hubOf(3);
    sessions[0]!.send(frame(BROADCAST, A), frame(BROADCAST, B));
    counts();
    sessions[0]!.send(frame(A, B));
    expect(counts()).toEqual([0, 0, 0]);
    expect(sessions[0]!.drops).toEqual({ 'same-port': 1 });
  });

  test('a station that moves is followed at once', () => {
    const { rig, hub, sessions, counts } = hubOf(3);
    sessions[0]!.send(frame(BROADCAST, A));
    sessions[2]!.send(frame(BROADCAST, A));
    counts();
    sessions[1]!.send(frame(A, B));
    expect(counts()).toEqual([0, 0, 1]);
    expect(rig.core.fdbSize(hub)).toBe(2);
  });

  test('the same address in another VLAN is another station', () => {
    const { rig, hub, sessions, counts } = hubOf(3);
    sessions[0]!.send(tagged(BROADCAST, A, 5));
    sessions[1]!.send(tagged(BROADCAST, A, 6));
    sessions[2]!.send(frame(BROADCAST, A));
    counts();
    expect(rig.core.fdbSize(hub)).toBe(3);
    sessions[2]!.send(tagged(A, B, 5));
    expect(counts()).toEqual([1, 0, 0]);
    sessions[2]!.send(tagged(A, B, 6));
    expect(counts()).toEqual([0, 1, 0]);
    sessions[1]!.send(frame(A, B));
    expect(counts()).toEqual([0, 0, 1]);
    sessions[1]!.send(tagged(A, B, 7));
    expect(counts()).toEqual([1, 0, 1]);
  });

  test('the priority in a tag is no part of its VLAN', () => {
    const { sessions, counts } = hubOf(3);
    sessions[0]!.send(tagged(BROADCAST, A, 5));
    counts();
    sessions[2]!.send(tagged(A, B, 0xe005), tagged(A, B, 0x1005));
    expect(counts()).toEqual([2, 0, 0]);
  });

  test('a tag with VLAN 0 is no VLAN', () => {
    const { sessions, counts } = hubOf(3);
    sessions[0]!.send(tagged(BROADCAST, A, 0xe000));
    counts();
    sessions[2]!.send(frame(A, B));
    expect(counts()).toEqual([1, 0, 0]);
  });

  test('a BPDU tells where its bridge is, not where the port of the bridge is', () => {
    const { rig, hub, sessions, counts } = hubOf(3);
    sessions[0]!.send(bpdu(A, C));
    expect(counts()).toEqual([0, 1, 1]);
    expect(rig.core.fdbSize(hub)).toBe(1);
    sessions[1]!.send(frame(C, B));
    expect(counts()).toEqual([1, 0, 0]);
    sessions[1]!.send(frame(A, B));
    expect(counts()).toEqual([1, 0, 1]);
  });

  test('a BPDU that is too short to name its bridge is a frame like any other', () => {
    const { sessions, counts } = hubOf(3);
    sessions[0]!.send(bpdu(A, C).subarray(0, 41));
    counts();
    sessions[1]!.send(frame(A, B), frame(C, B));
    expect(counts()).toEqual([2, 0, 1]);
    sessions[0]!.send(bpdu(A, C).subarray(0, 42));
    counts();
    sessions[1]!.send(frame(C, B));
    expect(counts()).toEqual([1, 0, 0]);
  });

  test('LLC with other access points is no BPDU', () => {
    const { sessions, counts } = hubOf(3);
    const other = bpdu(A, C);
    other[15] = 0x43;
    sessions[0]!.send(other);
    counts();
    sessions[1]!.send(frame(A, B), frame(C, B));
    expect(counts()).toEqual([2, 0, 1]);
  });

  test.each([
    ['all-ones', BROADCAST, B],
    ['all-zeros', [0, 0, 0, 0, 0, 0], B],
    ['equal to the destination', A, A],
  ])('a source address that is %s is dropped', (_name, from, to) => {
    const { rig, hub, sessions, counts } = hubOf(2);
    sessions[0]!.send(frame(to, from));
    expect(counts()).toEqual([0, 0]);
    expect(sessions[0]!.drops).toEqual({ 'source-address': 1 });
    expect(rig.core.fdbSize(hub)).toBe(0);
  });

  test('a group address as the source is learned, and still flooded to', () => {
    const { rig, hub, sessions, counts } = hubOf(3);
    const group = [0x03, 0, 0, 0, 0, 1];
    sessions[0]!.send(frame(BROADCAST, group));
    expect(counts()).toEqual([0, 1, 1]);
    expect(rig.core.fdbSize(hub)).toBe(1);
    sessions[1]!.send(frame(group, B));
    expect(counts()).toEqual([1, 0, 1]);
  });

  test.each([
    ['broadcast', BROADCAST],
    ['IPv4 multicast', [0x01, 0x00, 0x5e, 0, 0, 1]],
    ['IPv6 multicast', [0x33, 0x33, 0, 0, 0, 1]],
  ])('%s goes to all others', (_name, to) => {
    const { sessions, counts } = hubOf(4);
    sessions[3]!.send(frame(to, A));
    expect(counts()).toEqual([1, 1, 1, 0]);
  });

  test('frames that are malformed are dropped, counted, and teach nothing', () => {
    const { rig, hub, sessions, counts } = hubOf(2);
    const short = frame(BROADCAST, A, 41);
    short.set([0x08, 0x06], 12);
    sessions[0]!.send(short);
    expect(counts()).toEqual([0, 0]);
    expect(sessions[0]!.drops).toEqual({ malformed: 1 });
    expect(rig.core.fdbSize(hub)).toBe(0);
  });

  test('a hub with one port takes what it is given', () => {
    const { rig, sessions } = hubOf(1);
    sessions[0]!.send(frame(BROADCAST, A), frame(B, A));
    expect(sessions[0]!.take()).toEqual([]);
    expect(rig.core.buffersFree).toBe(rig.core.buffersTotal);
  });

  test('a patch gives everything to all others and learns nothing', () => {
    const rig = new Rig(build);
    const hub = rig.core.openPatch();
    const sessions = Array.from({ length: 3 }, () => rig.session(hub));
    sessions[0]!.send(frame(BROADCAST, A));
    sessions[1]!.send(frame(A, B));
    expect(sessions.map((session) => session.take().length)).toEqual([1, 1, 2]);
    expect(rig.core.fdbSize(hub)).toBe(0);
  });

  test('counts what came in and what went out', () => {
    const { rig, sessions, counts } = hubOf(3);
    sessions[0]!.send(bulk(1, 100), bulk(2, 200));
    counts();
    expect(rig.core.frames).toBe(2);
    expect(sessions.map((session) => rig.core.portCounters(session.port))).toEqual([
      { receivedFrames: 2, receivedBytes: 300, sentFrames: 0, sentBytes: 0, drops: {} },
      { receivedFrames: 0, receivedBytes: 0, sentFrames: 2, sentBytes: 300, drops: {} },
      { receivedFrames: 0, receivedBytes: 0, sentFrames: 2, sentBytes: 300, drops: {} },
    ]);
  });

  test('a station between TAP and session', () => {
    const rig = new Rig(build);
    const hub = rig.core.openSwitch(0);
    const session = rig.session(hub);
    const other = rig.session(hub);
    const tap = rig.tap(hub);
    rig.arrive(tap, frame(BROADCAST, A));
    expect([session.take().length, other.take().length]).toEqual([1, 1]);
    session.send(frame(A, B, 1514));
    rig.drain();
    expect(rig.takeDelivered(tap)).toEqual([frame(A, B, 1514)]);
    rig.arrive(tap, frame(B, A));
    expect([session.take().length, other.take().length]).toEqual([1, 0]);
  });
});
