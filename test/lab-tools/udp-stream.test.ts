/** The stream of datagrams and the stall detector: what they report is what happened. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab, type LabHost, type LabSwitch } from '../../lab/netns.ts';
import type { Runtime } from '../../lab/runtime.ts';
import { measureTraffic, measureUdpStream, startTraffic, startUdpStream, trafficCommand } from '../../lab/tools.ts';
import { StreamRecord, type StreamSent, streamResult } from '../../lab/udp-stream.ts';
import { buildTools } from './build.ts';

describe('the record of a stream', () => {
  /** Ten datagrams, 20 ms apart, from 1000 on. */
  const sent: StreamSent = { sent: 10, sendErrors: 0, firstAt: 1000, lastAt: 1180 };

  function of(...arrivals: readonly (readonly [sequence: number, delay: number])[]) {
    const record = new StreamRecord();
    for (const [sequence, delay] of arrivals) record.take(sequence, 1000 + sequence * 20, 1000 + sequence * 20 + delay);
    // As it comes from the receiving process.
    return streamResult(sent, JSON.parse(JSON.stringify(record.report())));
  }
  const all = Array.from({ length: 10 }, (_, i) => i);

  it('has nothing to say against a perfect one', () => {
    expect(of(...all.map((i) => [i, 1 + i] as const))).toEqual({
      ...{ sent: 10, sendErrors: 0, received: 10, lost: 0, duplicated: 0, reordered: 0 },
      ...{ longestGapMs: 21, delayP50Ms: 5, delayP99Ms: 10, delayMaxMs: 10 },
    });
  });

  it('counts the lost, and the gap they leave in the middle, in front and at the end', () => {
    const without = (...gone: number[]) => of(...all.filter((i) => !gone.includes(i)).map((i) => [i, 2] as const));
    expect(without(4, 5, 6)).toMatchObject({ received: 7, lost: 3, longestGapMs: 80 });
    expect(without(0, 1, 2)).toMatchObject({ lost: 3, longestGapMs: 62 });
    expect(without(7, 8, 9)).toMatchObject({ lost: 3, longestGapMs: 58 });
    expect(of()).toMatchObject({ received: 0, lost: 10, longestGapMs: 180, delayP50Ms: Number.NaN });
  });

  it('tells doubled from overtaken', () => {
    const mixed = of([0, 1], [0, 3], [1, 50], [3, 11], [4, 1], [3, 22], [2, 63], [9, 1], [5, 90]);
    expect(mixed).toMatchObject({ received: 7, lost: 3, duplicated: 2, reordered: 2 });
  });
});

describe.runIf(process.getuid?.() === 0)('between hosts', () => {
  let tools: ReturnType<typeof buildTools>;
  let lab: Lab;
  let lan: LabSwitch;
  let [a, b]: LabHost[] = [];
  beforeAll(async () => {
    tools = buildTools();
    lab = await Lab.create();
    lan = await lab.addSwitch('lan');
    [a, b] = [await lab.addHost('a'), await lab.addHost('b')];
    await lab.connect(a, lan, { address: ['10.9.0.1/24', 'fd09::1/64'] });
    await lab.connect(b, lan, { address: ['10.9.0.2/24', 'fd09::2/64'] });
  });
  afterAll(async () => {
    await lab?.close();
    tools?.remove();
  });

  /** Unplugs the receiver for that long. */
  async function unplug(ms: number): Promise<void> {
    await lan.ip('link', 'set', 'port2', 'down');
    await wait(ms);
    await lan.ip('link', 'set', 'port2', 'up');
  }

  it.each<Runtime>(['node', 'bun'])('50 a second arrive, and what was lost is counted, on %s', async (runtime) => {
    const options = { host: '10.9.0.2', runtime };
    const clean = await measureUdpStream(a!, b!, { ...options, host: 'fd09::2', seconds: 1 });
    console.log(`${runtime}: ${JSON.stringify(clean)}`);
    expect(clean).toMatchObject({ sent: 50, received: 50, lost: 0, duplicated: 0, reordered: 0, sendErrors: 0 });
    expect(clean.longestGapMs).toBeGreaterThan(19);
    expect(clean.longestGapMs).toBeLessThan(200);
    expect(clean.delayP50Ms).toBeGreaterThan(0);
    expect(clean.delayP50Ms).toBeLessThan(20);
    expect(clean.delayP99Ms).toBeGreaterThanOrEqual(clean.delayP50Ms);

    const stream = await startUdpStream(a!, b!, options);
    await wait(300);
    await unplug(400);
    await wait(500);
    const hurt = await stream.stop();
    expect(hurt.lost).toBeGreaterThanOrEqual(18);
    expect(hurt.lost).toBeLessThan(35);
    expect(hurt.received).toBe(hurt.sent - hurt.lost);
    expect(hurt.longestGapMs).toBeGreaterThan(390);
    expect(hurt.longestGapMs).toBeLessThan(800);
    expect(await stream.result).toEqual(hurt);
    expect(await a!.pids()).toEqual([]);
    expect(await b!.pids()).toEqual([]);
  });

  it('counts only its own stream, at the rate and size asked for', async () => {
    // Another stream to the same receiver: started straight by its command, for its own receiver is the one counted.
    const stray = ['stream-sender', '10.9.0.2', '--stream', '4000000000', '--seconds', '0.5'];
    const foreign = a!.run(trafficCommand(stray));
    const wire = async (): Promise<number> =>
      Number((await a!.run(['cat', '/sys/class/net/eth0/statistics/tx_bytes'])).stdout);
    const before = await wire();
    // The foreign stream goes to this one's port.
    const own = await measureUdpStream(a!, b!, { host: '10.9.0.2', rate: 200, size: 1000, seconds: 0.5 });
    const bytes = (await wire()) - before;
    expect(own).toMatchObject({ sent: 100, received: 100 });
    expect(bytes).toBeGreaterThan(100_000);
    expect(bytes).toBeLessThan(150_000);
    expect((await foreign).stdout).toContain('"sent":25,');
    const nobody = await measureUdpStream(a!, b!, { host: '10.9.0.9', seconds: 0.2, drainMs: 0 });
    expect(nobody).toMatchObject({ sent: 10, received: 0, lost: 10 });
    await expect(startUdpStream(a!, b!, { host: '10.9.0.2', rate: Number.NaN })).rejects.toThrow(
      '--rate: expected a number',
    );
  });

  it('a transfer reports its longest stall', async () => {
    const traffic = await startTraffic(b!);
    const clean = await measureTraffic(a!, { host: '10.9.0.2', seconds: 0.5 });
    expect(clean.longestStallMs).toBeGreaterThan(0);
    expect(clean.longestStallMs).toBeLessThan(250);
    for (const direction of ['up', 'down'] as const) {
      const running = measureTraffic(a!, { host: '10.9.0.2', seconds: 2.5, direction, flows: 2 });
      await wait(800);
      await unplug(500);
      const result = await running;
      expect(result.longestStallMs).toBeGreaterThan(490);
      expect(result.longestStallMs).toBeLessThan(1900);
      expect(result[direction]!.longestStallMs).toBe(result.longestStallMs);
    }
    await traffic.stop();
  });
});

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
