/** `etherloom server`, and `etherloom bridge`: a server that listens nowhere. */

import * as path from 'node:path';
import { isIpAddress } from '../../engine/config/address.ts';
import {
  parseBridgeConfig,
  parseServerConfig,
  type ServerConfig,
  serverOptions,
} from '../../engine/config/server-config.ts';
import type { Log } from '../../engine/host.ts';
import type { RunningServer } from '../../engine/server/options.ts';
import { cascadeCommand } from '../cascade-command.ts';
import { readCascades } from '../cascades.ts';
import { ensureCertificate, type ServerCertificate } from '../certificate.ts';
import { invalidConfig, readConfigFile } from '../config-file.ts';
import type { Context } from '../context.ts';
import { failureOfHost } from '../failure.ts';
import { type Output, print, printLine } from '../io.ts';
import { createLog } from '../log.ts';
import { openControl } from '../node-control.ts';
import { nodeNameOf } from '../node-name.ts';
import { requireTaps } from '../platform.ts';
import { aborted, stopOnSignals } from '../stop.ts';
import { readUserCertificates } from '../user-certificates.ts';
import { within } from '../within.ts';
import type { ServerFlags } from './server.ts';

export async function runServer(
  role: ServerConfig['role'],
  flags: ServerFlags,
  { environment, io }: Context,
): Promise<void> {
  // From here on a signal ends the node in order, whatever it is doing.
  const stop = stopOnSignals(io);
  try {
    const file = path.resolve(flags.config);
    const directory = path.dirname(file);
    const source = { file: flags.config, what: 'the configuration', command: `etherloom ${role}` };
    const { config, problem } = await readConfigFile(source, role === 'bridge' ? parseBridgeConfig : parseServerConfig);
    const log = createLog({
      level: flags.logLevel ?? config.log.level ?? 'info',
      format: flags.logFormat ?? config.log.format ?? 'text',
      color: io.stderr.isTTY === true,
      write: (text) => print(io.stderr, text),
    });
    if (role === 'bridge') requireTaps(io, 'a bridge has TAPs or interfaces');
    else if (config.hubs.some(({ taps, bridges = [] }) => taps.length + bridges.length > 0)) {
      requireTaps(io, 'the configuration names TAPs or bridges');
    }
    const users = await readUserCertificates(config, directory);
    if (users.problems.length > 0) {
      const found = users.problems.map(({ path: at, message }) => problem(at, message));
      throw invalidConfig(source, found);
    }
    for (const warning of users.warnings) log('warn', warning);
    const certificate = role === 'bridge' ? undefined : await prepareCertificate(config, directory, io.hostName, log);

    const engine = await environment.load();
    const cascades = await readCascades(config.hubs, {
      directory,
      io,
      certificates: engine.host.certificates,
      warn: (message) => log('warn', message),
    });
    const options = serverOptions(config, certificate ?? { certificate: '', key: '' }, { users, cascades });
    const node = await start(() => engine.startServer(engine.host, options, log));
    try {
      const { socket } = config.control;
      const control = await openControl({
        role,
        about: { name: nodeNameOf(file) },
        path: socket === undefined ? undefined : path.resolve(directory, socket),
        status: () => node.status(),
        stop: () => stop.now('etherloom down'),
        commands: { cascade: (request) => cascadeCommand(node, request) },
        io,
        log,
      });
      try {
        const about = { control: control?.path ?? null, version: environment.version, pid: io.pid };
        const json = flags.json ? about : undefined;
        if (certificate === undefined) announceBridge(io.stdout, config, json);
        else announceServer(io.stdout, config, directory, node, certificate, json);
        await aborted(stop.signal);
        log('info', 'ending', { askedBy: stop.signal.reason });
      } finally {
        await control?.close();
      }
    } finally {
      await within(CLOSE_MS, node.close(), LATE[role]);
    }
    log('info', 'ended');
  } finally {
    stop.dispose();
  }
}

const CLOSE_MS = 10_000;
const LATE: Readonly<Record<ServerConfig['role'], string>> = {
  server: 'the server did not end its sessions, listeners and TAPs',
  bridge: 'the bridge did not give its interfaces and TAPs back',
};

async function prepareCertificate(
  config: ServerConfig,
  directory: string,
  hostName: string,
  log: Log,
): Promise<ServerCertificate> {
  // Clients that check names dial what the server listens on; wildcards name nothing.
  const listened = config.listen.map(({ host }) => host).filter((host) => !['0.0.0.0', '::'].includes(host));
  const certificate = await ensureCertificate({
    certificateFile: path.resolve(directory, config.tls.certificate),
    keyFile: path.resolve(directory, config.tls.key),
    names: [hostName, ...listened.filter((host) => isIpAddress(host) || host !== hostName)],
  });
  for (const warning of certificate.warnings) log('warn', warning);
  return certificate;
}

async function start(call: () => Promise<RunningServer>): Promise<RunningServer> {
  try {
    return await call();
  } catch (thrown) {
    throw failureOfHost(thrown) ?? thrown;
  }
}

/** @param json What the line of JSON says besides; absent: it is for people. */
function announceServer(
  output: Output,
  config: ServerConfig,
  directory: string,
  { listeners }: RunningServer,
  { fingerprint, created }: ServerCertificate,
  json: object | undefined,
): void {
  const file = path.resolve(directory, config.tls.certificate);
  if (json !== undefined) {
    const certificate = { file, fingerprint, created };
    printLine(output, JSON.stringify({ event: 'listening', listeners, certificate, ...json }));
    return;
  }
  if (created) {
    printLine(output, `created the certificate ${file} and its key ${path.resolve(directory, config.tls.key)}`);
  }
  printLine(output, `certificate SHA-256 ${fingerprint}`);
  for (const listener of listeners) printLine(output, `listening on ${listener}`);
}

/** Likewise. */
function announceBridge(output: Output, config: ServerConfig, json: object | undefined): void {
  const hubs = config.hubs.map(({ name, bridges = [], taps }) => ({
    name,
    bridges: bridges.map((each) => each.interface),
    taps: taps.map((tap) => tap.name),
  }));
  if (json !== undefined) {
    printLine(output, JSON.stringify({ event: 'bridging', hubs, ...json }));
    return;
  }
  for (const { name, bridges, taps } of hubs) {
    for (const each of bridges) printLine(output, `bridging ${each} with the hub ${name}`);
    for (const each of taps) printLine(output, `TAP ${each} is in the hub ${name}`);
  }
}
