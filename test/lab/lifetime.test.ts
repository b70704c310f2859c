/**
 * Connections that are replaced under full load, between our own peers: what one side sent, the other side got, frame for
 * frame. `FAULT_SECONDS` makes it longer: `npm run soak` takes 60.
 */
import { expect, test } from 'vitest';
import { EtherloomClient, EtherloomServer } from '../../lab/etherloom.ts';
import { Lab } from '../../lab/netns.ts';
import { waitForPing } from '../../lab/ping.ts';
import { measureTraffic, measureUdpStream, startTraffic } from '../../lab/tools.ts';

const SECONDS = Number(process.env.FAULT_SECONDS ?? '12');

test.each(['node', 'bun'] as const)('on %s: 8 connections with a lifetime of 5 s lose and double nothing', {
  timeout: (SECONDS + 60) * 1_000,
}, async (runtime) => {
  const lab = await Lab.create();
  try {
    const [server, client] = [await lab.addHost('server'), await lab.addHost('client')];
    await lab.cable({ host: client, address: '10.8.0.1/24' }, { host: server, address: '10.8.0.2/24' });
    const ours = await EtherloomServer.start(server, {
      ...{ runtime, address: '10.8.0.2', users: { guest: undefined }, taps: { elsrv0: '10.90.0.1/24' } },
    });
    const joined = await EtherloomClient.start(client, {
      ...{ runtime, server: '10.8.0.2:5555', user: 'guest', trust: { pin: ours.fingerprint } },
      ...{ tap: 'el0', address: '10.90.0.2/24', args: ['--connections', '8', '--connection-lifetime', '5'] },
    });
    await waitForPing(client, { target: '10.90.0.1' });
    const traffic = await startTraffic(server);
    const [tcp, udp] = await Promise.all([
      measureTraffic(client, { host: '10.90.0.1', seconds: SECONDS, direction: 'both' }),
      measureUdpStream(client, server, { host: '10.90.0.1', seconds: SECONDS }),
    ]);
    await traffic.stop();
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    const [near] = (await joined.status()).hubs[0]?.sessions ?? [];
    const [far] = (await ours.status()).hubs[0]?.sessions ?? [];
    const lost = (near?.sent.frames ?? 0) - (far?.received.frames ?? 0);
    const lostBack = (far?.sent.frames ?? 0) - (near?.received.frames ?? 0);
    console.log(
      `${runtime}: ${tcp.mbits.toFixed(0)} Mbit/s, ${near?.sent.frames} and ${far?.sent.frames} frames, ` +
        `${lost} and ${lostBack} lost, longest stall ${tcp.longestStallMs.toFixed(0)} ms; UDP ${udp.duplicated} doubled`,
    );
    // A frame that is on its way while the two are asked may be counted by one of them alone.
    expect(Math.abs(lost)).toBeLessThanOrEqual(2);
    expect(Math.abs(lostBack)).toBeLessThanOrEqual(2);
    expect(udp.duplicated).toBe(0);
    expect(far?.name).toBe('SID-GUEST-1');
    const ages = far?.connections?.map(({ ageSeconds }) => ageSeconds) ?? [];
    expect(Math.max(...ages)).toBeLessThan(SECONDS);
  } finally {
    await lab.close();
  }
});
