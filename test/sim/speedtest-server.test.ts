import { beforeEach, describe, expect, test } from 'vitest';
import { ECHO_ANSWER, encodeHeader, encodeReport, GREETING, STOP } from '../../engine/speedtest/wire.ts';
import { GOOD_LINK } from './channel.ts';
import { SpeedtestLab } from './speedtest-lab.ts';

const ID = 0x1122_3344_5566_7788n;
const STOPS = new Uint8Array(512).fill(STOP);

let lab: SpeedtestLab;
beforeEach(async () => {
  lab = new SpeedtestLab();
  // Reads are what was written: the protocol makes a difference between them.
  lab.net.link = { ...GOOD_LINK, window: 0x8000 };
  await lab.serve();
});

/** A connection that has been greeted. */
async function greeted() {
  const raw = await lab.dial();
  expect(raw.take()).toEqual(GREETING);
  return raw;
}

describe('an upload', () => {
  test('counts from the first byte on, the header too, and ends at a read that begins with "!"', async () => {
    const raw = await greeted();
    raw.send(encodeHeader('upload', ID, 60_000));
    raw.send(new Uint8Array(10_000).fill(0x61));
    await lab.world.run(50);
    expect(raw.take()).toEqual(new Uint8Array());
    raw.send(STOPS);
    await lab.world.run(50);
    // protocol/data-plane.md §8: "10,000 data bytes reported as 10,017".
    expect(raw.take()).toEqual(encodeReport(10_017));
    await lab.world.run(1_000);
    expect(raw.take().length).toBe(10 * 8);

    raw.stream.close();
    await lab.world.run(50);
    expect(lab.runs).toMatchObject([{ peer: '10.0.0.2', direction: 'upload', connections: 1, receivedBytes: 10_017 }]);
  });

  test('ends by itself at the first read after its span, which does not count', async () => {
    const raw = await greeted();
    raw.send(encodeHeader('upload', ID, 1_000), [1, 2, 3]);
    await lab.world.run(999);
    raw.send([4, 5]);
    await lab.world.run(20);
    raw.send([6, 7]);
    await lab.world.run(20);
    expect(raw.take().subarray(0, 8)).toEqual(encodeReport(17 + 5));
  });

  test('takes no "!" for the end that stands in its header or inside of data', async () => {
    const raw = await greeted();
    const header = encodeHeader('upload', 0x2121_2121_2121_2121n, 60_000);
    raw.send(header.subarray(0, 1));
    await lab.world.run(10);
    raw.send(header.subarray(1));
    await lab.world.run(10);
    raw.send([0x61, STOP, STOP]);
    await lab.world.run(10);
    raw.send(STOPS);
    await lab.world.run(10);
    expect(raw.take()).toEqual(encodeReport(20));
  });

  test('with a header that is cut short has no span and ends at "!"', async () => {
    const raw = await greeted();
    raw.send([0, 9]);
    await lab.world.run(1_100);
    raw.send([9, 9, 9]);
    await lab.world.run(600_000 - 2_000);
    raw.send(STOPS);
    await lab.world.run(10);
    expect(raw.take()).toEqual(encodeReport(5));
  });
});

describe('a download', () => {
  test('goes on without end, of bytes other than "!", until the run is reported', async () => {
    const [down, up, other] = [await greeted(), await greeted(), await greeted()];
    down.send(encodeHeader('download', ID, 60_000));
    up.send(encodeHeader('upload', ID, 60_000));
    // Any byte but 0 is a download; the echo's with another span than ours, too.
    const strange = encodeHeader('download', ID + 1n, 60_000);
    strange[0] = 0x45;
    other.send(strange);
    await lab.world.run(100);
    const bytes = down.take();
    expect(bytes.length).toBeGreaterThan(500_000);
    expect(bytes.includes(STOP)).toBe(false);
    expect(new Set(bytes).size).toBe(255);

    up.send(STOPS);
    await lab.world.run(20);
    down.take();
    other.take();
    await lab.world.run(100);
    expect(down.take().length).toBe(0);
    expect(down.over).toBe(false);
    expect(other.take().length).toBeGreaterThan(500_000);
  });

  test('begins a second after a header that is cut short', async () => {
    const raw = await greeted();
    raw.send([7]);
    await lab.world.run(900);
    expect(raw.take().length).toBe(0);
    await lab.world.run(200);
    expect(raw.take().length).toBeGreaterThan(1_000);
  });
});

describe('an echo', () => {
  test('is acknowledged and answered byte for byte', async () => {
    const raw = await greeted();
    raw.send(encodeHeader('echo', ID, 1_000), [1, 2, 3]);
    await lab.world.run(10);
    raw.send([4]);
    await lab.world.run(10);
    expect(raw.take()).toEqual(Uint8Array.from([...ECHO_ANSWER, 1, 2, 3, 4]));
    raw.stream.close();
    await lab.world.run(10);
    // Without data there was no run to speak of.
    expect([lab.started, lab.runs]).toEqual([[], []]);
  });

  test('is closed when its client asks and does not read', async () => {
    const raw = await greeted();
    raw.send(encodeHeader('echo', ID, 1_000));
    await lab.world.run(10);
    raw.stream.pause();
    for (let i = 0; i < 40 && !raw.over; i++) {
      if (raw.stream.writable) raw.stream.write(new Uint8Array(0x1000));
      await lab.world.run(10);
    }
    expect(raw.over).toBe(true);
  });

  test('is had once in a run', async () => {
    const [first, second] = [await greeted(), await greeted()];
    first.send(encodeHeader('echo', ID, 1_000));
    second.send(encodeHeader('echo', ID, 1_000));
    await lab.world.run(10);
    expect([first.over, second.over]).toEqual([false, true]);
  });
});

describe('what a peer can take', () => {
  test('a connection that says nothing is closed after ten minutes', async () => {
    const raw = await greeted();
    await lab.world.run(590_000);
    expect(raw.over).toBe(false);
    await lab.world.run(11_000);
    expect(raw.over).toBe(true);
  });

  test('a run is closed 3 spans and 180 s after its header', async () => {
    const raw = await greeted();
    raw.send(encodeHeader('upload', ID, 10_000), STOPS);
    await lab.world.run(209_000);
    expect(raw.over).toBe(false);
    await lab.world.run(2_000);
    expect(raw.over).toBe(true);
  });

  test('a span beyond all measure does not hold a connection for ever', async () => {
    const raw = await greeted();
    const header = encodeHeader('download', ID, 1);
    header.fill(0xff, 9);
    raw.send(header);
    await lab.world.run(50);
    raw.stream.pause();
    // What the kernel took of a download is looked at every ten minutes.
    await lab.world.run(1_201_000);
    expect(raw.over).toBe(true);
  });

  test('the 33rd connection of a run is refused, and the run goes on', async () => {
    const raws = [];
    for (let i = 0; i < 33; i++) raws.push(await greeted());
    for (const raw of raws) raw.send(encodeHeader('upload', ID, 60_000));
    await lab.world.run(10);
    expect(raws.map(({ over }) => over)).toEqual([...new Array<boolean>(32).fill(false), true]);
    for (const raw of raws.slice(0, 32)) raw.send(STOPS);
    await lab.world.run(10);
    expect(raws[0]!.take()).toEqual(encodeReport(17));
    for (const raw of raws) raw.stream.abort();
    await lab.world.run(10);
    expect(lab.runs).toMatchObject([{ connections: 32, receivedBytes: 32 * 17 }]);
  });

  test('of silent connections the oldest make room', async () => {
    const raws = [];
    for (let i = 0; i < 260; i++) raws.push(await lab.dial());
    expect(raws.map(({ over }) => over)).toEqual([
      ...new Array<boolean>(4).fill(true),
      ...new Array<boolean>(256).fill(false),
    ]);
    expect(lab.server.lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
    const end = await lab.finish(lab.measure());
    expect(end.kind).toBe('done');
  });

  test.each([1, 2, 3, 4])('chance, seed %i, does not harm the server', async (seed) => {
    lab = new SpeedtestLab(seed);
    await lab.serve();
    const { world } = lab;
    for (let i = 0; i < 60; i++) {
      const raw = await lab.dial();
      raw.onData = () => {};
      const bytes = world.bytes(world.pick(64));
      if (world.chance() < 0.5 && bytes.length > 0) bytes[0] = [0, 1, 0x45, STOP][world.pick(4)]!;
      if (bytes.length > 0) raw.stream.write(bytes);
      if (world.chance() < 0.3) raw.stream.pause();
      if (world.chance() < 0.2) raw.stream.close();
      if (world.chance() < 0.5) raw.stream.abort();
    }
    const end = await lab.finish(lab.measure({ latency: true }));
    expect(end).toMatchObject({ kind: 'done', result: { latency: { unanswered: 0 } } });
    await lab.running!.close();
    await world.run(10);
    expect(lab.started).toHaveLength(lab.runs.length);
  });
});

test('when the server closes, so does everything of it', async () => {
  const [idle, busy] = [await greeted(), await greeted()];
  busy.send(encodeHeader('download', ID, 60_000));
  await lab.world.run(20);
  await lab.running!.close();
  await lab.world.run(20);
  expect([idle.over, busy.over]).toEqual([true, true]);
  expect(lab.runs).toHaveLength(1);
  expect(lab.net.listeners.size).toBe(0);
});
