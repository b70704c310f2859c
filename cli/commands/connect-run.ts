/** `etherloom connect`. */

import type { ClientEnd, ClientOptions, RunningClient } from '../../engine/client/options.ts';
import { describeError } from '../../engine/login/errors.ts';
import { parseCertificate } from '../certificate.ts';
import { connectReport } from '../connect-report.ts';
import type { Context } from '../context.ts';
import type { ExitName } from '../exit-codes.ts';
import { Failure } from '../failure.ts';
import { readBounded } from '../files.ts';
import { print } from '../io.ts';
import { knownServers, knownServersFile } from '../known-servers.ts';
import { createLog } from '../log.ts';
import { openControl } from '../node-control.ts';
import { PASSWORD_VARIABLE, readPassword } from '../password.ts';
import { requireTaps } from '../platform.ts';
import { formatServer, type ServerAddress } from '../server-address.ts';
import { aborted, stopOnSignals } from '../stop.ts';
import { createTerminal, type Terminal } from '../terminal.ts';
import { createTrust, type TrustMode } from '../trust.ts';
import { within } from '../within.ts';
import type { ConnectFlags } from './connect.ts';

export async function runConnect(
  address: ServerAddress,
  flags: ConnectFlags,
  { environment, io }: Context,
): Promise<void> {
  requireTaps(io, '`etherloom connect` needs a TAP device');
  const stop = stopOnSignals(io);
  try {
    const server = formatServer(address);
    const log = createLog({
      level: flags.logLevel ?? 'info',
      format: flags.logFormat ?? 'text',
      color: io.stderr.isTTY === true,
      write: (text) => print(io.stderr, text),
    });
    const warn = (message: string) => log('warn', message);
    const terminal = createTerminal(io);
    const ca = flags.ca === undefined ? undefined : await readCa(flags.ca);
    const credential = await readCredential(flags, server, { io, terminal, warn, signal: stop.signal });

    const engine = await environment.load();
    const options: ClientOptions = {
      ...address,
      hub: flags.hub,
      user: flags.user,
      credential,
      tap: { name: flags.tap, addresses: flags.address ?? [], mtu: flags.mtu },
      ca,
      trust: createTrust({
        mode: trustMode(flags),
        server,
        known: knownServers(knownServersFile(io)),
        terminal,
        warn,
        signal: stop.signal,
      }),
      bridge: flags.bridge === true,
      qos: flags.qos,
      reconnectMs: RECONNECT_MS,
    };
    const report = connectReport(flags.json === true, io, { server, hub: flags.hub, user: flags.user, tap: flags.tap });
    let client: RunningClient | undefined;
    const control = await openControl({ role: 'client', status: () => client?.status(), io, log });
    let end: ClientEnd | undefined;
    try {
      if (!stop.signal.aborted) {
        report.started(environment.version, control?.path);
        client = engine.startClient(engine.host, options, log, (event) => report.event(event));
        end = await untilEnded(client, stop.signal);
      }
    } finally {
      await control?.close();
    }
    // After a signal every end is the one that was asked for, also that of a question nobody answered.
    report.ended(end === undefined || stop.signal.aborted ? { kind: 'closed', message: 'ended by a signal' } : end);
    if (end !== undefined && !stop.signal.aborted) throwUnlessClosed(end);
  } finally {
    stop.dispose();
  }
}

/** `requirements.md` B1: the default of the reconnect interval. */
const RECONNECT_MS = 15_000;
const CLOSE_MS = 10_000;
const MAX_CA_BYTES = 4 << 20;

async function readCredential(
  flags: ConnectFlags,
  server: string,
  source: Pick<Parameters<typeof readPassword>[0], 'io' | 'terminal' | 'warn' | 'signal'> & { terminal: Terminal },
): Promise<ClientOptions['credential']> {
  if (flags.anonymous) return { kind: 'anonymous' };
  const question = `Password of ${flags.user} at ${server} (empty for an anonymous login): `;
  const password = await readPassword({
    file: flags.passwordFile,
    question,
    ...source,
  });
  // An empty file is a password that went missing; only a person who presses Enter means "none".
  const asked = flags.passwordFile === undefined && source.io.env[PASSWORD_VARIABLE] === undefined;
  if (password === undefined || (asked && password.length === 0)) {
    if (!flags.plainPassword) return { kind: 'anonymous' };
    throw new Failure('usage', '--plain-password needs a password, and there is none', 'give one with --password-file');
  }
  if (password.length === 0) {
    throw new Failure('configuration', 'the password is empty', 'for a login without a password use --anonymous');
  }
  return { kind: flags.plainPassword ? 'plain' : 'hashed', password };
}

function trustMode(flags: ConnectFlags): TrustMode {
  if (flags.pin !== undefined) return { kind: 'pin', fingerprint: flags.pin };
  if (flags.ca !== undefined) return { kind: 'ca', file: flags.ca };
  return flags.insecure ? { kind: 'insecure' } : { kind: 'known' };
}

async function readCa(file: string): Promise<string> {
  const pem = (await readBounded(file, MAX_CA_BYTES, 'the CA file')).toString('utf8');
  parseCertificate(pem, file);
  return pem;
}

async function untilEnded(client: RunningClient, signal: AbortSignal): Promise<ClientEnd> {
  const end = await Promise.race([client.ended, aborted(signal)]);
  if (end !== undefined) return end;
  void client.close();
  return within(CLOSE_MS, client.ended, 'the client did not end its session and its TAP');
}

function throwUnlessClosed({ kind, message, code }: ClientEnd): void {
  const exits: Readonly<Record<ClientEnd['kind'], ExitName>> = {
    closed: 'ok',
    refused: 'refused',
    untrusted: 'untrusted',
    tap: 'tap',
    unreachable: 'unreachable',
  };
  if (kind === 'closed') return;
  const name = code === undefined ? '' : ` (${describeError(code).name}, error ${code})`;
  throw new Failure(exits[kind], `${message.replace(/\.$/, '')}${name}`);
}
