import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSelfSigned } from '../../../cli/certificate-create.ts';
import type { LabChild } from '../../../lab/child.ts';
import { projectRoot, type Runtime, runtimePath } from '../../../lab/runtime.ts';
import type { RawEvent } from '../raw/protocol.ts';
import { CABLE, type Flow, type Subject } from '../subject.ts';

const PORT = '5556';

/** One TLS stream of the runtime's own sockets, with no frames in it: what a tunnel over TLS could reach at best. */
export function rawTls(runtime: Runtime): Subject {
  return {
    name: `raw-${runtime}`,
    title: `raw TLS stream, ${runtime === 'node' ? 'Node' : 'Bun'}`,
    needs: [],
    start: async ({ lab, client, server }) => {
      const pair = await createSelfSigned([CABLE.server], new Date());
      const files = { certificate: join(lab.tempDir, 'raw.crt'), key: join(lab.tempDir, 'raw.key') };
      for (const name of ['certificate', 'key'] as const) writeFileSync(files[name], pair[name], { mode: 0o600 });
      const program = [runtimePath(runtime), join(projectRoot, 'dist', 'bench', 'tunnel', 'raw', 'main.js')];
      const listener = await server.spawn([...program, 'server', CABLE.server, PORT, files.certificate, files.key]);
      await listener.waitForLine(/"listening"/);
      const dialer = await client.spawn([...program, 'client', CABLE.server, PORT], { interactive: true });
      await dialer.waitForLine(/"ready"/);
      return {
        target: CABLE.server,
        processes: { client: [dialer.pid], server: [listener.pid] },
        flow: async (direction, seconds) => {
          const received = next(direction === 'up' ? listener : dialer, seconds);
          dialer.write(`${direction} ${seconds}\n`);
          return await received;
        },
      };
    },
  };
}

/** What the receiver of the next stream says of it. */
async function next(child: LabChild, seconds: number): Promise<Flow> {
  return await new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => {
        stop();
        reject(new Error(`${child.command.join(' ')}: no result\n${child.outputTail()}`));
      },
      seconds * 1_000 + 10_000,
    );
    const stop = child.onLine((line) => {
      if (!line.startsWith('{"type":"received"')) return;
      clearTimeout(timer);
      stop();
      const { bytes, seconds } = JSON.parse(line) as Extract<RawEvent, { type: 'received' }>;
      resolve({ bytes, seconds, retransmissions: 0 });
    });
  });
}
