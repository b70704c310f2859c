import { type DatagramResult, measureDatagrams } from '../../../lab/datagrams.ts';
import type { Context, Measure } from '../measure.ts';
import { searchRate, type Trial } from '../rate-search.ts';

/** Ethernet, IPv4 and UDP in front of the payload; frames are counted without their check sequence. */
const HEADERS = 14 + 20 + 8;
/** Share of the datagrams that may be lost. */
const LOSS = 0.001;
/** The receiver may take this much longer than the sender: or a queue that fills up would hide what is too much. */
const LONGER = 1.03;
/** And this much beyond it, for what was on its way. */
const ON_ITS_WAY_S = 0.005;
/** Below this share of what it was asked for the sender counts as the limit. */
const SENT = 0.9;

/** Frames per second of two lengths from the client to the server, at under 0.1 % loss. */
export const udp: Measure = {
  name: 'udp',
  metrics: ['udp64', 'udp1400'],
  iperf: false,
  streams: false,
  run: async (context) => {
    // Compilers, and the memory of whoever collects garbage, get used to datagrams; not counted.
    await trial(context, 64, START);
    const udp64 = await framesPerSecond(context, 64, START);
    return { udp64, udp1400: await framesPerSecond(context, 1400, udp64) };
  },
};

/** Where the first search begins, frames per second. */
const START = 100_000;
/** Of one trial. */
const SECONDS = 0.3;

async function framesPerSecond(context: Context, length: number, start: number): Promise<number> {
  const search = { start, lowest: 1_000, precision: context.quick ? 1.15 : 1.08, rates: 14 };
  return await searchRate(search, async (rate) => judge(await trial(context, length, rate), rate));
}

async function trial({ client, server, running }: Context, length: number, rate: number): Promise<DatagramResult> {
  const stream = { target: running.target, size: length - HEADERS, rate, seconds: SECONDS };
  return await measureDatagrams(client, server, stream);
}

function judge({ sent, sentSeconds, received, receivedSeconds }: DatagramResult, rate: number): Trial {
  const inTime = receivedSeconds <= sentSeconds * LONGER + ON_ITS_WAY_S;
  return {
    achieved: received / Math.max(sentSeconds, receivedSeconds),
    passed: inTime && sent - received < sent * LOSS,
    limited: sent / sentSeconds < rate * SENT,
  };
}
