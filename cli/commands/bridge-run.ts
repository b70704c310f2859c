/** `etherloom bridge`. */

import * as path from 'node:path';
import { parseBridgeConfig, serverOptions } from '../../engine/config/server-config.ts';
import { cascadeCommand } from '../cascade-command.ts';
import { readCascades } from '../cascades.ts';
import { readConfigFile } from '../config-file.ts';
import type { Context } from '../context.ts';
import { failureOfHost } from '../failure.ts';
import { print, printLine } from '../io.ts';
import { createLog } from '../log.ts';
import { openControl } from '../node-control.ts';
import { nodeNameOf } from '../node-name.ts';
import { requireTaps } from '../platform.ts';
import { aborted, stopOnSignals } from '../stop.ts';
import { within } from '../within.ts';
import type { ServerFlags } from './server.ts';

export async function runBridge(flags: ServerFlags, { environment, io }: Context): Promise<void> {
  // From here on a signal ends the bridge in order, whatever it is doing.
  const stop = stopOnSignals(io);
  try {
    const source = { file: flags.config, what: 'the configuration', command: 'etherloom bridge' };
    const { config } = await readConfigFile(source, parseBridgeConfig);
    const log = createLog({
      level: flags.logLevel ?? config.log.level ?? 'info',
      format: flags.logFormat ?? config.log.format ?? 'text',
      color: io.stderr.isTTY === true,
      write: (text) => print(io.stderr, text),
    });
    requireTaps(io, 'a bridge has TAPs or interfaces');
    const directory = path.dirname(path.resolve(flags.config));
    const engine = await environment.load();
    const { certificates } = engine.host;
    const warn = (message: string) => log('warn', message);
    const cascades = await readCascades(config.hubs, { directory, io, certificates, warn });
    const options = serverOptions(config, { certificate: '', key: '' }, { cascades });
    const bridge = await engine.startServer(engine.host, options, log).catch((thrown: unknown) => {
      throw failureOfHost(thrown) ?? thrown;
    });
    try {
      const { socket } = config.control;
      const control = await openControl({
        role: 'bridge',
        about: { name: nodeNameOf(flags.config) },
        path: socket === undefined ? undefined : path.resolve(directory, socket),
        status: () => bridge.status(),
        stop: () => stop.now('etherloom down'),
        commands: { cascade: (request) => cascadeCommand(bridge, request) },
        io,
        log,
      });
      try {
        const hubs = config.hubs.map(({ name, bridges = [], taps }) => ({
          name,
          bridges: bridges.map((each) => each.interface),
          taps: taps.map((tap) => tap.name),
        }));
        if (flags.json) {
          const about = { control: control?.path ?? null, version: environment.version, pid: io.pid };
          printLine(io.stdout, JSON.stringify({ event: 'bridging', hubs, ...about }));
        } else {
          for (const { name, bridges, taps } of hubs) {
            for (const each of bridges) printLine(io.stdout, `bridging ${each} with the hub ${name}`);
            for (const each of taps) printLine(io.stdout, `TAP ${each} is in the hub ${name}`);
          }
        }
        await aborted(stop.signal);
        log('info', 'ending', { askedBy: stop.signal.reason });
      } finally {
        await control?.close();
      }
    } finally {
      await within(CLOSE_MS, bridge.close(), 'the bridge did not give its interfaces and TAPs back');
    }
    log('info', 'ended');
  } finally {
    stop.dispose();
  }
}

const CLOSE_MS = 10_000;
