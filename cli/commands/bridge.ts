import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { helpTail } from '../help.ts';
import { addLogOptions } from '../option-rules.ts';
import type { ServerFlags } from './server.ts';

export function defineBridge(program: Command, context: Context): void {
  const command = program
    .command('bridge')
    .summary('bridge interfaces and TAPs of this host in the foreground')
    .description(
      'Runs hubs of this host in the foreground until SIGINT or SIGTERM: a server that listens nowhere. It prints a line for ' +
        'each interface once frames pass. What it changed of an interface is restored at the end. The log goes to stderr.',
    )
    .requiredOption('--config <file>', 'the configuration, YAML; paths in it are meant from its own directory')
    .option('--json', 'print one line of JSON when it bridges, and errors as JSON')
    .addHelpText(
      'after',
      `\n${CONFIGURATION}${helpTail(EXAMPLES, ['ok', 'internal', 'usage', 'configuration', 'tap', 'interrupted'])}`,
    )
    .action(async (flags: ServerFlags) => {
      const { runServer } = await import('./server-run.ts');
      await runServer('bridge', flags, context);
    });
  addLogOptions(command);
}

const CONFIGURATION = `The configuration is the server's without listen and tls:
  hubs:
    lab:
      bridges: [{ interface: eth1 }]        # an interface of this host as a port of the hub
      taps: [{ name: elbr0, address: 10.90.0.1/24, mtu: 1500 }]      # likewise a TAP
      stormLimit: 32                        # flooded frames per second of one source; 0 is off
  control: { socket: /run/etherloom/bridge.sock }   # where \`etherloom status\` asks; chosen when absent
  log: { level: info, format: text }
`;

const EXAMPLES = [
  ['etherloom bridge --config /etc/etherloom/bridge.yaml', 'for people'],
  ['etherloom bridge --config bridge.yaml --log-format json --json', 'for a service manager'],
] as const;
