import { type Command, Option } from 'commander';
import { listenPort } from '../../engine/config/address.ts';
import { oneOf, type Rule, whole } from '../../engine/config/rules.ts';
import { addressRule, type ServerAddress } from '../../engine/config/server-address.ts';
import type { LogFormat, LogLevelName } from '../../engine/config/server-config.ts';
import { CONNECTIONS_MAX, DEFAULT_DURATION_MS, type SpeedtestType } from '../../engine/speedtest/options.ts';
import { SPEEDTEST_PORT } from '../../engine/speedtest/wire.ts';
import type { Context } from '../context.ts';
import { helpTail } from '../help.ts';
import { addLogOptions, byRule } from '../option-rules.ts';

export interface SpeedtestFlags {
  readonly type: SpeedtestType;
  readonly connections: number;
  /** Seconds. */
  readonly duration: number;
  readonly raw?: boolean;
  readonly double?: boolean;
  readonly latency: boolean;
  readonly json?: boolean;
}

export interface SpeedtestServerFlags {
  readonly listen: ServerAddress;
  readonly json?: boolean;
  readonly logLevel?: LogLevelName;
  readonly logFormat?: LogFormat;
}

const target = addressRule(SPEEDTEST_PORT);
const place = addressRule(SPEEDTEST_PORT, listenPort);

export function defineSpeedtest(program: Command, context: Context): void {
  const command = program
    .command('speedtest')
    .summary('measure the throughput between two machines')
    .description(
      'Measures how fast data flows to and from a machine that runs `etherloom speedtest server`, or TrafficServer of ' +
        "SoftEther's vpncmd: over TCP, without a VPN and without encryption in between. Through a VPN, give the address that " +
        'the other machine has in it. With a server of Etherloom it also tells how long round trips take before and during ' +
        'the run.',
    )
    // Otherwise `speedtest server --json` would be an option of `speedtest`.
    .enablePositionalOptions()
    .argument('<host>', `the server: HOST or HOST:PORT (default port: ${SPEEDTEST_PORT})`, byRule(target))
    .addOption(option('--type <type>', 'full is both at the same time', oneOf('full', 'download', 'upload'), 'full'))
    .addOption(
      option(
        '--connections <number>',
        `TCP connections, 1 to ${CONNECTIONS_MAX}; of full 2 or more, which alternate: of an odd number one more downloads`,
        whole(1, CONNECTIONS_MAX),
        CONNECTIONS_MAX,
      ),
    )
    .addOption(
      option('--duration <seconds>', 'how long data flows', whole(1, 86_400, 'seconds'), DEFAULT_DURATION_MS / 1000),
    )
    .option('--raw', 'count the bytes in TCP; otherwise what they take on an Ethernet, 1514 for 1460')
    .option('--double', 'double the throughputs: the data passes the device under test twice')
    .option('--no-latency', 'do not measure round trips')
    .option('--json', 'print one line of JSON each second and one with the result, and errors as JSON')
    .addHelpText('after', helpTail(EXAMPLES, ['ok', 'internal', 'usage', 'unreachable', 'interrupted']))
    .action(async (server: ServerAddress, flags: SpeedtestFlags) => {
      const { runSpeedtest } = await import('./speedtest-run.ts');
      await runSpeedtest(server, flags, context);
    });
  defineServer(command, context);
}

function defineServer(speedtest: Command, context: Context): void {
  const command = speedtest
    .command('server')
    .summary('be measured: run the server in the foreground')
    .description(
      'Serves `etherloom speedtest`, and TrafficClient of SoftEther, until SIGINT or SIGTERM. Anybody who reaches the port can ' +
        'use it, and with it the whole line: run it for as long as you measure. The log, with every run, goes to stderr.',
    )
    .addOption(
      new Option('--listen <address>', 'where to listen: HOST or HOST:PORT')
        .default({ host: '0.0.0.0', port: SPEEDTEST_PORT }, `0.0.0.0:${SPEEDTEST_PORT}`)
        .argParser(byRule(place)),
    )
    .option('--json', 'print a line of JSON when it listens, when a run starts and when one ends, and errors as JSON')
    .addHelpText('after', helpTail(SERVER_EXAMPLES, ['ok', 'internal', 'usage', 'listen', 'interrupted']))
    .action(async (flags: SpeedtestServerFlags) => {
      const { runSpeedtestServer } = await import('./speedtest-server-run.ts');
      await runSpeedtestServer(flags, context);
    });
  addLogOptions(command);
}

function option<T>(flags: string, what: string, rule: Rule<T>, byDefault: T): Option {
  return new Option(flags, what).default(byDefault).argParser(byRule(rule));
}

const EXAMPLES = [
  ['etherloom speedtest vpn.example.com', 'both ways at once, 32 connections, 15 seconds'],
  ['etherloom speedtest 10.90.0.1 --type download --connections 1 --duration 5 --raw', 'one connection, bytes in TCP'],
  ['etherloom speedtest 10.90.0.1 --json | jq \'select(.event == "result").download.bitsPerSecond\'', 'for a program'],
] as const;

const SERVER_EXAMPLES = [
  ['etherloom speedtest server', 'on port 9821 of every IPv4 address'],
  ['etherloom speedtest server --listen [::]:5001 --json', 'another address and port, events as JSON'],
] as const;
