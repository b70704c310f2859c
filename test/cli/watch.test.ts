import * as net from 'node:net';
import * as path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { NodeAnswer } from '../../cli/control-protocol.ts';
import { startControlServer } from '../../cli/control-server.ts';
import { main } from '../../cli/main.ts';
import { formatDrops, formatRate } from '../../cli/watch/format.ts';
import { renderFrame } from '../../cli/watch/frame.ts';
import { History, historyKey, sparkline } from '../../cli/watch/history.ts';
import { parseKeys } from '../../cli/watch/keys.ts';
import { viewJson, viewLines } from '../../cli/watch/lines.ts';
import { busiest, nodeKeys, type Sample, viewNode } from '../../cli/watch/view.ts';
import type { PortStatus } from '../../engine/admin/status.ts';
import { environmentOf, fakeEngine, fakeIo, runCommand, sampleStatus, temporaryFolder, until } from './support.ts';

const START = Date.parse('2026-01-01T00:00:00.000Z');

/** What a server has counted `seconds` after it was first looked at; `change` gets the session, to be changed in place. */
function sampleAt(
  seconds: number,
  change: (session: Draft) => void = () => {},
  about: Partial<NodeAnswer> = {},
): Sample {
  const answer = structuredClone(sampleStatus('server')) as unknown as { hubs: { sessions: Draft[] }[] };
  change(answer.hubs[0]!.sessions[0]!);
  const date = START + 86_400_000 + seconds * 1000;
  return {
    key: 'server/lab',
    at: 5_000 + seconds * 1000,
    date,
    answer: { ...(answer as unknown as NodeAnswer), name: 'lab', ...about },
  };
}

type Writable<T> = T extends object ? { -readonly [K in keyof T]: Writable<T[K]> } : T;
type Draft = Writable<PortStatus> & { drops: Record<string, number> };

function sessionOf(before: Sample | undefined, now: Sample) {
  return viewNode(before, now).hubs[0]!.sessions[0]!;
}

describe('rates', () => {
  test('are what came between two looks, by their seconds', () => {
    const now = sampleAt(2, (session) => {
      session.received.bytes += 3_000;
      session.received.frames += 4;
      session.sent.bytes += 500;
      session.drops.queueFull! += 10;
      session.classes!.bulk.bytes += 400;
      session.classes!.bulk.drops += 2;
      session.connections![1]!.receivedBytes += 60;
      session.connections![1]!.tcp!.retransmissions += 1;
    });
    const node = viewNode(sampleAt(0), now);
    const [session] = node.hubs[0]!.sessions;
    expect(node.seconds).toBe(2);
    expect(session!.in).toEqual({ bytesPerSecond: 1500, framesPerSecond: 2, bytes: 1610615736, frames: 1234571 });
    expect(session!.out).toMatchObject({ bytesPerSecond: 250, framesPerSecond: 0 });
    expect(session!.drops).toEqual({ perSecond: { queueFull: 5, storm: 0 }, total: { queueFull: 1210, storm: 3 } });
    expect(session!.roundTripMs).toBe(22.4);
    expect(session!.classes!.bulk).toMatchObject({
      bytesPerSecond: 200,
      dropsPerSecond: 1,
      delayMs: { p50: 3.5, p99: 22 },
    });
    expect(session!.connections!.map((connection) => connection.in.bytesPerSecond)).toEqual([0, 30]);
    expect(session!.connections![1]).toMatchObject({ retransmissionsPerSecond: 0.5, unsentBytes: 66_560 });
    expect(node.in).toEqual(session!.in);
    expect(node.drops.perSecond).toEqual({ queueFull: 5, storm: 0 });
  });

  test('are not known at the first look', () => {
    const node = viewNode(undefined, sampleAt(0));
    expect(node).toMatchObject({ seconds: null, in: { bytesPerSecond: null, bytes: 1610612736 } });
    expect(node.drops.perSecond).toBeNull();
    expect(node.hubs[0]!.sessions[0]).toMatchObject({
      out: { framesPerSecond: null, frames: 5 },
      drops: { perSecond: null },
    });
  });

  test('a counter that went back has begun anew', () => {
    const now = sampleAt(1, (session) => {
      session.received.bytes = 700;
      session.drops = {};
      session.connections![0]!.receivedBytes = 70;
    });
    const session = sessionOf(sampleAt(0), now);
    expect(session.in.bytesPerSecond).toBe(700);
    expect(session.drops).toEqual({ perSecond: {}, total: {} });
    expect(session.connections![0]!.in.bytesPerSecond).toBe(70);
  });

  test('a node that was started anew counts from its start', () => {
    const restarted = sampleAt(2, (session) => {
      session.since = new Date(START + 86_400_000 + 1000).toISOString();
      session.received.bytes = 5000;
      for (const connection of session.connections!) connection.since = session.since;
      session.connections![0]!.receivedBytes = 5100;
    });
    const session = sessionOf(sampleAt(0), restarted);
    expect(session.in.bytesPerSecond).toBe(2500);
    expect(session.connections![0]!.in.bytesPerSecond).toBe(2550);
  });

  test('of what began earlier and was not seen nothing is known', () => {
    const other = sampleAt(1, (session) => {
      session.name = 'SID-BOB-2';
    });
    expect(sessionOf(sampleAt(0), other).in.bytesPerSecond).toBeNull();
  });

  test('connections of one peer and one moment are told apart', () => {
    const alike = (more: number) => (session: Draft) => {
      const [first] = session.connections!;
      session.connections = [first!, { ...structuredClone(first!), receivedBytes: first!.receivedBytes + more }];
    };
    const session = sessionOf(sampleAt(0, alike(0)), sampleAt(1, alike(90)));
    expect(session.connections!.map((connection) => connection.in.bytesPerSecond)).toEqual([0, 90]);
  });

  test('keys outlive a restart, and tell two of one name apart', () => {
    const node = (name: string | undefined, pid: number) => ({ role: 'client' as const, name, pid });
    expect(nodeKeys([node('lab', 1), node(undefined, 2)])).toEqual(['client/lab', 'client//2']);
    expect(nodeKeys([node('lab', 3)])).toEqual(['client/lab']);
    expect(new Set(nodeKeys([node('lab', 1), node('lab', 2)])).size).toBe(2);
  });
});

test('numbers for people', () => {
  expect([null, 0, 12.4, 124, 125_000, 124_999, 1.54e6, 1e9].map(formatRate)).toEqual([
    ...['-', '0 bit/s', '99 bit/s', '992 bit/s', '1.0 Mbit/s', '1.0 Mbit/s', '12.3 Mbit/s', '8.0 Gbit/s'],
  ]);
  expect(formatDrops(null)).toBe('-');
  expect(formatDrops({ storm: 0 })).toBe('0');
  expect(formatDrops({ queueFull: 1234.4, storm: 0.25 })).toBe('queueFull 1,234, storm 0.3');
});

test('a sparkline shows the last values against the largest of them', () => {
  expect(sparkline([0, 1, 2, 3, 4, 5, 6, 7, 8], 9)).toBe('▁▁▂▃▄▅▆▇█');
  expect(sparkline([100, 0, 4, 8], 3)).toBe('▁▄█');
  expect(sparkline([0, 0], 4)).toBe('  ▁▁');
  expect(sparkline([], 2)).toBe('  ');
});

test('keys', () => {
  expect(parseKeys('q')).toEqual(['quit']);
  expect(parseKeys('\x03')).toEqual(['quit']);
  expect(parseKeys('\x1b[A\x1b[B\x1bOA\x1b[5~\x1b[6~\x1b[H\x1b[Fd')).toEqual([
    ...['up', 'down', 'up', 'pageUp', 'pageDown', 'home', 'end', 'details'],
  ]);
  // Neither the letters of a sequence that is not known, nor others.
  expect(parseKeys('\x1b[1;5Dx\x1bOq')).toEqual([]);
});

describe('a history', () => {
  test('keeps so many, and forgets what has gone', () => {
    const history = new History(3);
    const looks = [0, 1, 3, 6, 10].map((bytes, second) =>
      sampleAt(second, (session) => {
        session.sent.bytes += bytes;
      }),
    );
    for (const [index, look] of looks.entries()) history.take([viewNode(looks[index - 1], look)]);
    const node = viewNode(looks[3], looks[4]!);
    expect(history.of(historyKey.port(node, 'lab', 'session', 'SID-ALICE-1'))).toEqual([2, 3, 4]);
    expect(history.of(historyKey.node(node))).toEqual([2, 3, 4]);
    history.take([]);
    expect(history.size).toBe(0);
  });
});

describe('a picture', () => {
  const frameOf = (request: Partial<Parameters<typeof renderFrame>[0]>) =>
    renderFrame({
      ...{ nodes: [], history: new History(), columns: 80, rows: 24, offset: 0, details: true, interval: 1 },
      ...{ date: START, ...request },
    });

  test('of a server, as it stands on a usual terminal', () => {
    const history = new History();
    const looks = Array.from({ length: 9 }, (_, second) =>
      sampleAt(second, (session) => {
        session.received.bytes += (second * (second - 1) * 1_000_000) / 2;
        session.drops.queueFull! += second * 3;
      }),
    );
    for (const [index, look] of looks.entries()) history.take([viewNode(looks[index - 1], look)]);
    const { lines } = frameOf({ nodes: [viewNode(looks[7], looks[8]!)], history });
    expect(lines.slice(1).map((line) => line.trimEnd())).toEqual([
      '                                  IN           OUT  BOTH                   DELAY',
      `server lab, process ${process.pid}`,
      ' SID-ALICE-1 (alice)     56.0 Mbit/s       0 bit/s    ▁▂▃▄▅▆▇█           22.4 ms',
      '  priority waits                           0 bit/s                  0.0 / 0.1 ms',
      '  bulk waits                               0 bit/s                 3.5 / 22.0 ms',
      '  → 192.0.2.7:50000          0 bit/s       0 bit/s    ▁▁▁▁▁▁▁▁',
      '  ← 192.0.2.7:50001          0 bit/s       0 bit/s    ▁▁▁▁▁▁▁▁           22.4 ms',
      ' TAP elsrv0                  0 bit/s       0 bit/s    ▁▁▁▁▁▁▁▁',
      'q ends, d hides details, arrows, PgUp and PgDn scroll',
    ]);
    const wide = frameOf({ nodes: [viewNode(looks[7], looks[8]!)], history, columns: 160 }).lines;
    expect(wide[1]).toMatch(/DELAY +QUEUE +ALL IN +ALL OUT +DROPS\/S$/);
    expect(wide[3]).toMatch(/22\.4 ms +128\.0 KiB .* queueFull 3\.0$/);
  });

  test('never leaves the screen, however small it is and whatever a peer is called', () => {
    const evil = sampleAt(0, (session) => {
      session.name = `\x1b[2J${'😀'.repeat(80)}\n`;
    });
    for (const columns of [1, 10, 30, 79, 81, 250]) {
      for (const rows of [1, 2, 3, 5, 50]) {
        const { lines } = frameOf({ nodes: [viewNode(undefined, evil)], columns, rows });
        expect(lines.length).toBeLessThanOrEqual(rows);
        for (const line of lines) {
          expect([...line].length).toBeLessThanOrEqual(columns);
          // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there.
          expect(line).not.toMatch(/[\x00-\x1f]/);
        }
      }
    }
  });

  test('of a thousand sessions shows the busiest first, and the others by scrolling', () => {
    const session = (sampleAt(0).answer.hubs[0]!.sessions as readonly PortStatus[])[0]!;
    const many = (second: number): Sample => {
      const sample = sampleAt(second);
      const sessions = Array.from({ length: 1000 }, (_, index) => ({
        ...{ ...session, name: `SID-${index}`, user: `u${index}` },
        received: { frames: 0, bytes: index * second * 1000 },
      }));
      return {
        ...sample,
        answer: { ...sample.answer, hubs: [{ name: 'lab', fdb: 1, sessions, taps: [], bridges: [] }] },
      };
    };
    const nodes = [viewNode(many(0), many(1))];
    const first = frameOf({ nodes, details: false });
    expect(first.lines).toHaveLength(24);
    expect(first.lines[0]).toContain('1 node, 1,000 sessions');
    expect(first.lines[3]).toContain(' all 1,000 sessions');
    expect(first.lines[4]).toContain('SID-999 ');
    expect(first.lines.at(-1)).toContain('rows 1 to 21 of 1,002');
    const last = frameOf({ nodes, details: false, offset: Number.MAX_SAFE_INTEGER });
    expect(last.offset).toBe(1002 - 21);
    expect(last.lines.at(-2)).toContain('SID-0 ');
    expect(frameOf({ nodes, details: false, offset: -5 }).offset).toBe(0);
    const top = busiest(nodes[0]!, 3);
    expect(top.hubs[0]!.sessions.map(({ name }) => name)).toEqual(['SID-999', 'SID-998', 'SID-997']);
    expect(top.in).toEqual(nodes[0]!.in);
  });

  test('of nothing', () => {
    expect(frameOf({}).lines[2]).toBe('no node is running');
  });
});

test('without a terminal: lines, or JSON', () => {
  const node = viewNode(
    sampleAt(0),
    sampleAt(3, (session) => {
      session.received.bytes += 1_000;
    }),
  );
  expect(viewLines([node], START)[0]).toMatch(
    /^[0-9:]{8} server lab {2}in 2\.7 kbit\/s {2}out 0 bit\/s {2}sessions 1 {2}queue 128\.0 KiB {2}drops 0 {2}round trip 22\.4 ms$/,
  );
  const json = JSON.parse(viewJson([node], START));
  expect(json).toMatchObject({
    time: '2026-01-01T00:00:00.000Z',
    nodes: [{ name: 'lab', in: { bytesPerSecond: 333.333 } }],
  });
  expect(json.nodes[0].key).toBeUndefined();
  expect(viewLines([], START)[0]).toMatch(/no node is running$/);
});

describe('etherloom watch', () => {
  async function setUp(tty = false) {
    const folder = await temporaryFolder();
    let frames = 0;
    const status = () => {
      const answer = structuredClone(sampleStatus('server')) as unknown as { hubs: { sessions: Draft[] }[] };
      answer.hubs[0]!.sessions[0]!.received.bytes += ++frames * 1_000_000;
      return answer as unknown as NodeAnswer;
    };
    const io = fakeIo({ folder, tty });
    const control = await startControlServer({ role: 'server', about: { name: 'lab' }, status, stop: () => {}, io });
    return { folder, io, control };
  }

  test('with --json: an object for each interval', async () => {
    const { io, control } = await setUp();
    expect(await runCommand(['watch', 'lab', '--json', '--count', '2', '--interval', '0.2'], io)).toBe(0);
    const looks = io
      .out()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(looks).toHaveLength(2);
    for (const { nodes } of looks) {
      expect(nodes).toMatchObject([{ name: 'lab', role: 'server', sessions: 1 }]);
      // A megabyte for each look.
      expect(nodes[0].in.bytesPerSecond * nodes[0].seconds).toBeCloseTo(1_000_000, -4);
    }
    await control.close();
  });

  test('asks over one connection, and opens another when a node has closed it', async () => {
    const folder = await temporaryFolder();
    const socket = path.join(folder, 's.sock');
    let connections = 0;
    let asked = 0;
    const server = net.createServer((connection) => {
      connections++;
      connection.on('error', () => {});
      connection.on('data', () => {
        connection.write(`${JSON.stringify(sampleStatus('server'))}\n`);
        if (++asked === 4) connection.end();
      });
    });
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    const io = fakeIo({ folder });
    expect(await runCommand(['watch', '--socket', socket, '--json', '--count', '5', '--interval', '0.2'], io)).toBe(0);
    expect(io.out().trim().split('\n')).toHaveLength(5);
    for (const line of io.out().trim().split('\n')) expect(JSON.parse(line).nodes).toHaveLength(1);
    // One to see whether somebody is there, one for the first looks, one for the others.
    expect([connections, asked]).toEqual([3, 7]);
    await new Promise((resolve) => server.close(resolve));
  });

  test.each([
    ['q', (io: ReturnType<typeof fakeIo>) => void io.stdin.write('q')],
    ['Ctrl-C', (io: ReturnType<typeof fakeIo>) => void io.stdin.write('\x03')],
    ['SIGTERM', (io: ReturnType<typeof fakeIo>) => io.signal('SIGTERM')],
  ])('on a terminal: pictures until %s, and the terminal is as it was', async (_, end) => {
    const { io, control } = await setUp(true);
    const done = main(['watch', '--interval', '0.2'], environmentOf(fakeEngine()), io);
    await until(() => /[0-9] Mbit\/s/.test(io.out()), 'a rate');
    io.stdin.write('d');
    await until(() => io.out().includes('d shows details'), 'the answer to a key');
    end(io);
    expect(await done).toBe(0);
    expect(io.out().startsWith('\x1b[?1049h\x1b[?25l\x1b[?7l')).toBe(true);
    expect(io.out().endsWith('\x1b[?7h\x1b[?25h\x1b[?1049l')).toBe(true);
    expect(io.stdin.raw).toEqual([true, false]);
    expect(io.listening()).toBe(0);
    await control.close();
  });

  test('the terminal is given back after an error too', async () => {
    const { folder } = await setUp(true);
    const io = fakeIo({ folder, tty: true });
    // What is asked of a terminal and goes wrong in the midst of a picture.
    Object.defineProperty(io.stdout, 'columns', {
      get() {
        throw new Error('no such terminal');
      },
    });
    expect(await runCommand(['watch'], io)).toBe(1);
    expect(io.err()).toContain('no such terminal');
    expect(io.out().endsWith('\x1b[?1049l')).toBe(true);
    expect(io.stdin.raw).toEqual([true, false]);
  });

  test('a name that nobody has', async () => {
    const { folder, control } = await setUp();
    const io = fakeIo({ folder });
    expect(await runCommand(['watch', 'home', '--json'], io)).toBe(9);
    expect(JSON.parse(io.err()).error.hint).toContain('running are: lab');
    await control.close();
  });

  test.each([['0.1'], ['3601'], ['fast'], ['1e3']])('an interval of %s is refused', async (interval) => {
    const io = fakeIo();
    expect(await runCommand(['watch', '--interval', interval], io)).toBe(2);
    expect(io.err()).toContain('Allowed is a number from 0.2 to 3600 (seconds).');
  });
});
