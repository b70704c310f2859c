/** The commands, their options and their help; what they do is loaded when one of them runs. */

import { Command } from 'commander';
import { defineBridge } from './commands/bridge.ts';
import { defineCascade } from './commands/cascade.ts';
import { defineCertificate } from './commands/certificate.ts';
import { defineConnect } from './commands/connect.ts';
import { defineHashPassword } from './commands/hash-password.ts';
import { defineServer } from './commands/server.ts';
import { defineSpeedtest } from './commands/speedtest.ts';
import { defineStatus } from './commands/status.ts';
import type { Context } from './context.ts';
import { Failure } from './failure.ts';
import { helpTail } from './help.ts';
import { print, printLine } from './io.ts';

export function createProgram(context: Context): Command {
  const { environment, io } = context;
  const program = new Command('etherloom')
    .description('Ethernet between machines through TCP port 443: a SoftEther-compatible VPN server and client')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => print(io.stdout, text),
      writeErr: (text) => print(io.stderr, text),
      // Errors are printed in one place, cli/main.ts.
      outputError: () => {},
      getOutHelpWidth: () => io.stdout.columns ?? 100,
      getErrHelpWidth: () => io.stderr.columns ?? 100,
    })
    // An option in front of the command is the program's, one behind it the command's.
    .enablePositionalOptions()
    .option('-V, --version', 'print the version')
    .option('--json', 'with --version: print JSON')
    .helpOption('-h, --help', 'print this help; also behind every command')
    .helpCommand('help [command]', 'print the help of a command')
    .addHelpText('after', helpTail(EXAMPLES));

  defineServer(program, context);
  defineConnect(program, context);
  defineBridge(program, context);
  defineStatus(program, context);
  defineCascade(program, context);
  defineHashPassword(program, context);
  defineCertificate(program, context);
  defineSpeedtest(program, context);

  // After the commands, which would inherit it: an unknown command gets a message of its own below.
  program.allowExcessArguments(true);
  return program.action((options: { version?: boolean; json?: boolean }) => {
    const [word] = program.args;
    if (word !== undefined)
      throw new Failure('usage', `unknown command '${word}'`, 'run `etherloom --help` for the commands');
    if (options.version) {
      const { version, runtime } = environment;
      printLine(
        io.stdout,
        options.json
          ? JSON.stringify({ version, runtime })
          : `etherloom ${version} (${runtime.name} ${runtime.version})`,
      );
      return;
    }
    program.help({ error: true });
  });
}

const EXAMPLES = [
  ['etherloom server --config server.yaml', 'run a server in the foreground'],
  ['etherloom connect vpn.example.com --hub lab --user alice --tap vpn0', 'join a hub with a TAP device'],
  ['etherloom bridge --config bridge.yaml', 'bridge interfaces and TAPs of this host'],
  ['etherloom status', 'what the running server or client is doing'],
  ['etherloom speedtest vpn.example.com', 'the throughput to a machine that runs `etherloom speedtest server`'],
  ['etherloom hash-password alice', 'the line for alice in the configuration'],
  ['etherloom certificate alice', 'a certificate for alice to log in with'],
] as const;
