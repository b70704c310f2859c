/** `etherloom server`. */

import * as path from 'node:path';
import { isIpAddress } from '../../engine/config/address.ts';
import { parseServerConfig, type ServerConfig, serverOptions } from '../../engine/config/server-config.ts';
import type { Log } from '../../engine/host.ts';
import type { RunningServer } from '../../engine/server/options.ts';
import { cascadeCommand } from '../cascade-command.ts';
import { readCascades } from '../cascades.ts';
import { ensureCertificate, type ServerCertificate } from '../certificate.ts';
import { invalidConfig, readConfigFile } from '../config-file.ts';
import type { Context } from '../context.ts';
import { failureOfHost } from '../failure.ts';
import { print, printLine } from '../io.ts';
import { createLog } from '../log.ts';
import { openControl } from '../node-control.ts';
import { nodeNameOf } from '../node-name.ts';
import { requireTaps } from '../platform.ts';
import { aborted, stopOnSignals } from '../stop.ts';
import { readUserCertificates } from '../user-certificates.ts';
import { within } from '../within.ts';
import type { ServerFlags } from './server.ts';

export async function runServer(flags: ServerFlags, { environment, io }: Context): Promise<void> {
  // From here on a signal ends the server in order, whatever it is doing.
  const stop = stopOnSignals(io);
  try {
    const file = path.resolve(flags.config);
    const source = { file: flags.config, what: 'the configuration', command: 'etherloom server' };
    const { config, problem } = await readConfigFile(source, parseServerConfig);
    const log = createLog({
      level: flags.logLevel ?? config.log.level ?? 'info',
      format: flags.logFormat ?? config.log.format ?? 'text',
      color: io.stderr.isTTY === true,
      write: (text) => print(io.stderr, text),
    });
    if (config.hubs.some(({ taps, bridges = [] }) => taps.length + bridges.length > 0)) {
      requireTaps(io, 'the configuration names TAPs or bridges');
    }
    const users = await readUserCertificates(config, path.dirname(file));
    if (users.problems.length > 0) {
      const found = users.problems.map(({ path: at, message }) => problem(at, message));
      throw invalidConfig(source, found);
    }
    for (const warning of users.warnings) log('warn', warning);
    const certificate = await prepareCertificate(config, path.dirname(file), io.hostName, log);

    const engine = await environment.load();
    const cascades = await readCascades(config.hubs, {
      directory: path.dirname(file),
      io,
      certificates: engine.host.certificates,
      warn: (message) => log('warn', message),
    });
    const options = serverOptions(config, certificate, { users, cascades });
    const server = await start(() => engine.startServer(engine.host, options, log));
    try {
      const socket = config.control.socket;
      const control = await openControl({
        role: 'server',
        about: { name: nodeNameOf(file) },
        path: socket === undefined ? undefined : path.resolve(path.dirname(file), socket),
        status: () => server.status(),
        stop: () => stop.now('etherloom down'),
        commands: { cascade: (request) => cascadeCommand(server, request) },
        io,
        log,
      });
      try {
        announce(
          flags,
          config,
          path.dirname(file),
          { server, certificate, control: control?.path },
          { environment, io },
        );
        await aborted(stop.signal);
        log('info', 'ending', { askedBy: stop.signal.reason });
      } finally {
        await control?.close();
      }
    } finally {
      await within(CLOSE_MS, server.close(), 'the server did not end its sessions, listeners and TAPs');
    }
    log('info', 'ended');
  } finally {
    stop.dispose();
  }
}

const CLOSE_MS = 10_000;

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

function announce(
  flags: ServerFlags,
  config: ServerConfig,
  directory: string,
  {
    server,
    certificate,
    control,
  }: { server: RunningServer; certificate: ServerCertificate; control: string | undefined },
  { environment, io }: Context,
): void {
  const file = path.resolve(directory, config.tls.certificate);
  const { fingerprint, created } = certificate;
  if (flags.json) {
    const line = {
      event: 'listening',
      listeners: server.listeners,
      certificate: { file, fingerprint, created },
      control: control ?? null,
      version: environment.version,
      pid: io.pid,
    };
    printLine(io.stdout, JSON.stringify(line));
    return;
  }
  if (created)
    printLine(io.stdout, `created the certificate ${file} and its key ${path.resolve(directory, config.tls.key)}`);
  printLine(io.stdout, `certificate SHA-256 ${fingerprint}`);
  for (const listener of server.listeners) printLine(io.stdout, `listening on ${listener}`);
}
