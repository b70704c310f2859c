import { type DatagramResult, measureDatagrams } from '../../../lab/iperf.ts';
import type { Context, Measure } from '../measure.ts';
import { searchRate, type Trial } from '../rate-search.ts';

/** Ethernet, IPv4 and UDP in front of the payload; frames are counted without their check sequence. */
const HEADERS = 14 + 20 + 8;
/** Share of the datagrams that may be lost. */
const LOSS = 0.001;
/** Of those sent, this share has to have arrived by the end: or a queue that fills up would hide what is too much. */
const ARRIVED = 0.97;
/** Below this share of what it was asked for the sender counts as the limit. */
const SENT = 0.9;

/** Frames per second of two lengths from the client to the server, at under 0.1 % loss. */
export const udp: Measure = {
  name: 'udp',
  metrics: ['udp64', 'udp1400'],
  iperf: true,
  streams: false,
  run: async (context) => ({
    udp64: await framesPerSecond(context, 64),
    udp1400: await framesPerSecond(context, 1400),
  }),
};

async function framesPerSecond(context: Context, length: number): Promise<number> {
  const { client, server, running, quick } = context;
  const search = { start: 40_000, lowest: 1_000, precision: quick ? 1.15 : 1.08, rates: 9 };
  return await searchRate(search, async (rate) => {
    const seconds = quick ? 0.3 : 0.5;
    return judge(
      await measureDatagrams(client, server, { target: running.target, size: length - HEADERS, rate, seconds }),
      rate,
    );
  });
}

function judge(result: DatagramResult, rate: number): Trial {
  const { sent, sentRate, lost, received } = result;
  return {
    achieved: (received / sent) * sentRate,
    passed: lost / sent < LOSS && received / sent > ARRIVED,
    limited: sentRate < rate * SENT,
  };
}
