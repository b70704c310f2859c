/**
 * A crowd of idle clients in one process: logs in `count` times as the anonymous user `guest`, keeps the sessions alive
 * until SIGTERM, and says on stdout how many are up and how many were lost. Run by `sessions.ts` in a namespace.
 *
 * Usage: crowd-main HOST PORT HUB COUNT
 */

import { Outgoing } from '../engine/client/outgoing.ts';
import { SERVER_SIZES } from '../engine/core.ts';
import type { Host } from '../engine/host.ts';
import { Node, SERVER_KEYS } from '../engine/node.ts';
import { Session } from '../engine/session/session.ts';

const [host = '', port = '', hub = '', count = ''] = process.argv.slice(2);
/** Logins under way at a time: as many as a server handles at once without queueing handshakes. */
const AT_ONCE = 16;

const { createHost } = (await import(
  process.versions.bun === undefined ? '../hosts/node/main.js' : '../hosts/bun/main.js'
)) as { createHost: () => Host };

const node = new Node(createHost(), SERVER_SIZES, SERVER_KEYS, () => {});
const total = Number(count);
let started = 0;
let up = 0;
let lost = 0;
const failures: string[] = [];

function say(type: string): void {
  process.stdout.write(`${JSON.stringify({ type, up, lost, failures: failures.slice(0, 3) })}\n`);
}

function connect(): void {
  if (started === total) return;
  const number = started++;
  const patch = node.core.openPatch();
  new Outgoing({
    node,
    target: { host, port: Number(port) },
    bare: false,
    compress: false,
    trust: async () => undefined,
    purpose: () => ({
      kind: 'login',
      hubName: hub,
      userName: 'guest',
      credential: { kind: 'anonymous' },
      wishes: {
        maxConnection: 1,
        useEncrypt: true,
        useCompress: false,
        halfConnection: false,
        qos: false,
        bridgeMode: false,
        monitorMode: false,
      },
      cascade: false,
      uniqueId: Uint8Array.from({ length: 20 }, () => number & 0xff),
      extensions: new Map(),
    }),
    admitted: (channel, outcome) => {
      if (outcome.kind !== 'welcome') throw new Error('expected a welcome');
      const session = new Session({
        core: node.core,
        plane: node.plane,
        random: node.host.random,
        port: node.core.openSession(patch, {}),
        timeoutMs: outcome.welcome.timeoutMs,
        side: 'client',
        congestion: 'system',
        retires: false,
        qos: false,
        touch: node.touch,
        ended: () => {},
        connectionLost: (cause) => {
          lost++;
          failures.push(cause);
        },
      });
      up++;
      if (up % 100 === 0 || up === total) say(up === total ? 'ready' : 'progress');
      connect();
      return session.join(channel, 0, outcome.remainder, node.now());
    },
    failed: (failure) => {
      failures.push(failure.message);
      say('failed');
      connect();
    },
  });
}

for (let i = 0; i < AT_ONCE; i++) connect();
setInterval(() => say('alive'), 5_000);
process.on('SIGTERM', () => {
  say('end');
  process.exit(0);
});
