import { type Command, Option } from 'commander';
import { oneOf, whole } from '../../engine/config/rules.ts';
import { type ServerAddress, serverAddressWith } from '../../engine/config/server-address.ts';
import type { LogFormat, LogLevelName } from '../../engine/config/server-config.ts';
import { CONNECTIONS_MAX, SPEEDTEST_PORT } from '../../engine/speedtest/wire.ts';
import type { Context } from '../context.ts';
import { helpTail } from '../help.ts';
import { addLogOptions, byRule, collectByRule } from '../option-rules.ts';

export interface SpeedtestFlags {
  readonly type: 'full' | 'download' | 'upload';
  readonly connections: number;
  readonly duration: number;
  readonly raw?: boolean;
  readonly double?: boolean;
  readonly json?: boolean;
}

export interface SpeedtestServerFlags {
  readonly listen?: readonly ServerAddress[];
  readonly json?: boolean;
  readonly logLevel?: LogLevelName;
  readonly logFormat?: LogFormat;
}

export function defineSpeedtest(program: Command, context: Context): void {
  const place = serverAddressWith(SPEEDTEST_PORT);
  const command = program
    .command('speedtest')
    .summary('measure the throughput of a path')
    .description(
      'Measures how much TCP carries between this machine and one on which `etherloom speedtest server` runs, or ' +
        "SoftEther's TrafficServer: no VPN is needed. Volumes are those of Ethernet frames, 1514 bytes for 1460 of TCP, " +
        'unless --raw is given. With an Etherloom server round trips are measured too, before and during the run.',
    )
    .usage('[options] HOST[:PORT]\n       etherloom speedtest server [options]')
    .argument('[host]', `HOST, HOST:PORT or [IPV6]:PORT; the port is ${SPEEDTEST_PORT} when absent`, byRule(place))
    .addOption(
      new Option('--type <type>', 'full (both ways at once), download or upload')
        .default('full')
        .argParser(byRule(oneOf('full', 'download', 'upload'))),
    )
    .addOption(
      new Option('--connections <count>', `TCP connections, 1 to ${CONNECTIONS_MAX}; full has half of them each way`)
        .default(CONNECTIONS_MAX)
        .argParser(byRule(whole(1, CONNECTIONS_MAX, 'connections'))),
    )
    .addOption(
      new Option('--duration <seconds>', 'how long').default(15).argParser(byRule(whole(1, 86_400, 'seconds'))),
    )
    .option('--raw', 'count the bytes of TCP, not of Ethernet')
    .option('--double', 'this path has every byte twice: double the throughput')
    .option('--json', 'print progress and the result as lines of JSON, and errors as JSON')
    .addHelpText('after', helpTail(EXAMPLES, ['ok', 'internal', 'usage', 'unreachable', 'interrupted']))
    .action(async (server: ServerAddress | undefined, flags: SpeedtestFlags) => {
      const { runSpeedtest } = await import('./speedtest-run.ts');
      await runSpeedtest(server, flags, context);
    });

  const server = command
    .command('server')
    .summary('what others measure against')
    .description(
      "Serves measurements in the foreground until SIGINT or SIGTERM, for `etherloom speedtest` and for SoftEther's " +
        'TrafficClient. There is no password: whoever reaches the port can make this machine send and receive.',
    )
    .addOption(
      new Option('--listen <place>', `HOST:PORT, may be repeated (default: 0.0.0.0:${SPEEDTEST_PORT})`).argParser(
        collectByRule(place),
      ),
    )
    .option('--json', 'print one line of JSON when it listens and one for each run, and errors as JSON')
    .addHelpText('after', helpTail(SERVER_EXAMPLES, ['ok', 'internal', 'usage', 'listen', 'interrupted']))
    .action(async (_flags: unknown, self: Command) => {
      const { runSpeedtestServer } = await import('./speedtest-run.ts');
      // --json is an option of both commands.
      await runSpeedtestServer(self.optsWithGlobals<SpeedtestServerFlags>(), context);
    });
  addLogOptions(server);
}

const EXAMPLES = [
  ['etherloom speedtest vpn.example.com', 'both ways at once for 15 seconds, 32 connections'],
  ['etherloom speedtest vpn.example.com --type download --connections 4 --duration 5', 'one way'],
  ['etherloom speedtest server', 'on the other machine'],
] as const;

const SERVER_EXAMPLES = [
  ['etherloom speedtest server', 'on all IPv4 addresses of this machine'],
  ['etherloom speedtest server --listen [::1]:9821 --json', 'on one, for a program'],
] as const;
