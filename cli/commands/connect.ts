import { type Command, Option } from 'commander';
import { interfaceAddress } from '../../engine/config/address.ts';
import { tapName } from '../../engine/config/names.ts';
import { mtu, type Rule } from '../../engine/config/rules.ts';
import type { LogFormat, LogLevelName } from '../../engine/config/server-config.ts';
import type { Context } from '../context.ts';
import type { ExitName } from '../exit-codes.ts';
import { fingerprint } from '../fingerprint.ts';
import { helpTail } from '../help.ts';
import { addLogOptions, byRule, collectByRule, refusePasswordOption } from '../option-rules.ts';
import { type ServerAddress, serverAddress } from '../server-address.ts';

export interface ConnectFlags {
  readonly hub: string;
  readonly user: string;
  readonly passwordFile?: string;
  readonly plainPassword?: boolean;
  readonly anonymous?: boolean;
  readonly tap: string;
  readonly address?: readonly string[];
  readonly mtu?: number;
  readonly pin?: string;
  readonly ca?: string;
  readonly insecure?: boolean;
  readonly bridge?: boolean;
  /** False with `--no-qos`. */
  readonly qos: boolean;
  readonly json?: boolean;
  readonly logLevel?: LogLevelName;
  readonly logFormat?: LogFormat;
}

export function defineConnect(program: Command, context: Context): void {
  const command = program
    .command('connect')
    .summary('join a hub with a TAP device')
    .description(
      'Logs in to a server and joins a hub with a TAP device of this machine, in the foreground until SIGINT or SIGTERM. ' +
        'A lost session is set up again; an answer that will not change by itself ends the command.\n\n' +
        'The password comes from --password-file, or from the variable ETHERLOOM_PASSWORD, or is asked for at a terminal. ' +
        'Without any of them, or with an empty answer, the login is anonymous.\n\n' +
        'The server is trusted by --pin, by --ca, or when a CA of the runtime signed its certificate for this host; otherwise ' +
        'you are asked once at a terminal, and the answer is remembered.',
    )
    .argument('<server>', 'HOST, HOST:PORT or [IPV6]:PORT; the port is 443 when absent', byRule(serverAddress))
    .requiredOption('--hub <name>', 'the virtual hub', byRule(anyName))
    .requiredOption('--user <name>', 'the user of the hub', byRule(anyName))
    .option(
      '--password-file <file>',
      'read the password from a file, or from stdin with -; one newline at its end is removed',
    )
    .addOption(
      new Option('--anonymous', 'log in without a password, and do not ask for one').conflicts([
        'passwordFile',
        'plainPassword',
      ]),
    )
    .option(
      '--plain-password',
      'send the password itself through TLS, for a user whom the server looks up elsewhere (RADIUS, NT domain)',
    )
    .requiredOption('--tap <name>', 'the TAP device to create', byRule(tapName))
    .addOption(
      new Option('--address <cidr>', 'an address for the TAP, such as 10.90.0.2/24; may be repeated').argParser(
        collectByRule(interfaceAddress),
      ),
    )
    .addOption(new Option('--mtu <bytes>', 'the MTU of the TAP (default: 1500)').argParser(byRule(mtu)))
    .addOption(
      new Option('--pin <sha256>', 'trust exactly the certificate with this SHA-256 fingerprint')
        .argParser(byRule(fingerprint))
        .conflicts(['ca', 'insecure']),
    )
    .addOption(
      new Option('--ca <file>', 'trust certificates that these CAs (PEM) signed for this host').conflicts(['insecure']),
    )
    .option('--insecure', 'trust any certificate; warns every time')
    .option('--bridge', 'ask for bridge mode: more than one station behind the TAP')
    .option('--no-qos', 'do not ask for a connection of its own for priority frames')
    .option('--json', 'print events as lines of JSON, and errors as JSON')
    .addHelpText('after', helpTail(EXAMPLES, EXITS))
    .action(async (server: ServerAddress, flags: ConnectFlags) => {
      const { runConnect } = await import('./connect-run.ts');
      await runConnect(server, flags, context);
    });
  addLogOptions(refusePasswordOption(command));
}

/** The server judges names; only what cannot be one is refused here. */
const anyName: Rule<string> = {
  allowed: '1 to 255 characters without control characters',
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused.
  parse: (text) => (/^[^\u0000-\u001f\u007f]{1,255}$/.test(text) ? text : undefined),
};

const EXAMPLES = [
  [
    'etherloom connect vpn.example.com --hub lab --user alice --tap vpn0 --address 10.90.0.2/24',
    'asks for the password',
  ],
  [
    'etherloom connect [2001:db8::1]:5555 --hub lab --user alice --password-file alice.pw --tap vpn0 --pin 9f86d081...',
    'asks nothing',
  ],
  [
    'pass show vpn | etherloom connect vpn.example.com --hub lab --user alice --password-file - --tap vpn0 --json',
    'from another program',
  ],
] as const;

const EXITS: readonly ExitName[] = [
  'ok',
  'internal',
  'usage',
  'configuration',
  'tap',
  'refused',
  'untrusted',
  'unreachable',
  'interrupted',
];
