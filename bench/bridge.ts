/**
 * `npm run bench -- bridge`: a bridged interface beside a TAP. One process has two hubs: in the one are two TAPs, in the other
 * a TAP and an interface, a veth pair whose offloads are on. Each port leads to a host of its own, so that the ways differ in
 * nothing but the second port. One TCP flow, each way, in turn.
 */

import { EtherloomBridge } from '../lab/etherloom.ts';
import { measureTcp } from '../lab/iperf.ts';
import { Lab, type LabHost } from '../lab/netns.ts';
import { waitForPing } from '../lab/ping.ts';
import type { Runtime } from '../lab/runtime.ts';
import { table } from './table.ts';
import { quantile } from './tunnel/statistics.ts';

export interface BridgeResult {
  readonly runtime: Runtime;
  /** `in`: into the hub by the TAP or interface that is compared. */
  readonly direction: 'in' | 'out';
  /** Medians, Gbit/s. */
  readonly tap: number;
  readonly bridge: number;
  readonly ratio: number;
  /** Segments that were sent again in all rounds, by the bridge. */
  readonly retransmissions: number;
}

export interface BridgeBenchOptions {
  readonly rounds: number;
  readonly seconds: number;
  readonly runtimes: readonly Runtime[];
  readonly say: (text: string) => void;
}

export async function runBridgeBench(options: BridgeBenchOptions): Promise<BridgeResult[]> {
  const results: BridgeResult[] = [];
  for (const runtime of options.runtimes) {
    const lab = await Lab.create();
    try {
      results.push(...(await measure(lab, runtime, options)));
    } finally {
      await lab.close();
    }
  }
  return results;
}

async function measure(lab: Lab, runtime: Runtime, { rounds, seconds, say }: BridgeBenchOptions) {
  const node = await lab.addHost('node');
  const [a, b, c, d] = await Promise.all(['a', 'b', 'c', 'd'].map((role) => lab.addHost(role)));
  await lab.cable({ host: node, ifname: 'eth1' }, { host: d!, ifname: 'eth0', address: '10.96.0.2/24' });
  const bridge = await EtherloomBridge.start(node, {
    runtime,
    hubs: {
      taps: 'taps: [{ name: tap0 }, { name: tap1 }]',
      mixed: 'taps: [{ name: tap2 }], bridges: [{ interface: eth1 }]',
    },
  });
  for (const [host, tap, address] of [
    [a!, 'tap0', '10.95.0.1/24'],
    [b!, 'tap1', '10.95.0.2/24'],
    [c!, 'tap2', '10.96.0.1/24'],
  ] as const) {
    await node.ip('link', 'set', tap, 'netns', host.namespace);
    await host.addAddress(tap, address);
  }
  const ways: readonly (readonly [way: 'tap' | 'bridge', from: LabHost, to: LabHost, target: string])[] = [
    ['tap', a!, b!, '10.95.0.2'],
    ['bridge', c!, d!, '10.96.0.2'],
  ];
  for (const [, from, , target] of ways) await waitForPing(from, { target });
  const rates = new Map<string, number[]>();
  let resent = { in: 0, out: 0 };
  for (let round = 1; round <= rounds; round++) {
    say(`round ${round} of ${rounds}: ${runtime}`);
    for (const direction of ['in', 'out'] as const) {
      // Whoever is first in one round is second in the next.
      for (const [way, from, to, target] of round % 2 === 1 ? ways : ways.toReversed()) {
        const result = await measureTcp(from, to, { target, seconds, direction: direction === 'in' ? 'down' : 'up' });
        const key = `${way} ${direction}`;
        rates.set(key, [...(rates.get(key) ?? []), (result.bytes * 8) / result.seconds / 1e9]);
        if (way === 'bridge') resent = { ...resent, [direction]: resent[direction] + result.retransmissions };
      }
    }
  }
  await bridge.stop();
  return (['in', 'out'] as const).map((direction): BridgeResult => {
    const [tap, bridged] = ['tap', 'bridge'].map((way) => quantile(rates.get(`${way} ${direction}`)!, 0.5));
    const ratio = bridged! / tap!;
    return { runtime, direction, tap: tap!, bridge: bridged!, ratio, retransmissions: resent[direction] };
  });
}

export function renderBridgeBench(results: readonly BridgeResult[]): string {
  const head = ['runtime', 'direction', 'TAP Gbit/s', 'interface Gbit/s', 'ratio', 'sent again'];
  const rows = results.map((r) => [
    r.runtime,
    r.direction,
    r.tap.toFixed(2),
    r.bridge.toFixed(2),
    r.ratio.toFixed(2),
    String(r.retransmissions),
  ]);
  return table(head, rows);
}
