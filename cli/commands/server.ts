import type { Command } from 'commander';
import type { LogFormat, LogLevelName } from '../../engine/config/server-config.ts';
import type { Context } from '../context.ts';
import { helpTail } from '../help.ts';
import { addLogOptions } from '../option-rules.ts';

export interface ServerFlags {
  readonly config: string;
  readonly json?: boolean;
  readonly logLevel?: LogLevelName;
  readonly logFormat?: LogFormat;
}

export function defineServer(program: Command, context: Context): void {
  const command = program
    .command('server')
    .summary('run a server in the foreground')
    .description(
      'Runs a server in the foreground until SIGINT or SIGTERM. It prints a line for each listener once clients can connect, ' +
        'and the fingerprint of its certificate, which it creates when there is none. The log goes to stderr.',
    )
    .requiredOption('--config <file>', 'the configuration, YAML; paths in it are meant from its own directory')
    .option('--json', 'print one line of JSON when the server listens, and errors as JSON')
    .addHelpText(
      'after',
      `\n${CONFIGURATION}${helpTail(EXAMPLES, ['ok', 'internal', 'usage', 'configuration', 'listen', 'tap', 'interrupted'])}`,
    )
    .action(async (flags: ServerFlags) => {
      const { runServer } = await import('./server-run.ts');
      await runServer(flags, context);
    });
  addLogOptions(command);
}

const CONFIGURATION = `The configuration:
  listen: [{ host: 0.0.0.0, port: 443 }]
  tls: { certificate: server.crt, key: server.key }   # created when both are missing
  hubs:
    lab:
      users:
        alice: { passwordHash: "..." }      # what \`etherloom hash-password alice\` prints
        guest: { anonymous: true }
      taps: [{ name: elsrv0, address: 10.90.0.1/24, mtu: 1500, offload: true, busyPoll: 0 }]   # a TAP of this host as a port of the hub
      stormLimit: 32                        # flooded frames per second of one source; 0 is off
  session:
    timeout: 20                             # seconds, 5 to 60
    maxConnections: 32                      # TCP connections, 1 to 32
    priorityRule: packetix                  # which frames are priority frames; or extended
    congestion: auto                        # bbr on ways of 3 ms and more; or system, or a name of the kernel's
  control: { socket: /run/etherloom/lab.sock }      # where \`etherloom status\` asks; chosen when absent
  log: { level: info, format: text }
`;

const EXAMPLES = [
  ['etherloom server --config /etc/etherloom/server.yaml', 'for people'],
  ['etherloom server --config server.yaml --log-format json --json', 'for a service manager'],
] as const;
