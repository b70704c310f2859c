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
      await runServer('server', flags, context);
    });
  addLogOptions(command);
}

const CONFIGURATION = `The configuration:
  listen: [{ host: 0.0.0.0, port: 443 }]
  tls:
    certificate: server.crt                 # with its key, created when both are missing
    key: server.key
    profile: modern                         # TLS 1.2 and 1.3; or packetix-2.0 (RC4-MD5), or custom, which algorithms makes it
    # algorithms: [modern, AES256-SHA, AES128-SHA, DES-CBC3-SHA, RC4-SHA, RC4-MD5, DES-CBC-SHA]   # for old peers; warns
    minimum: TLSv1.2                        # SSLv3, TLSv1, TLSv1.1, TLSv1.2 or TLSv1.3; TLSv1 with old algorithms
  hubs:
    lab:
      users:
        alice: { passwordHash: "..." }      # what \`etherloom hash-password alice\` prints
        bob: { certificate: bob.crt }       # exactly this certificate, RSA; or any that a CA of the hub has issued:
        carol: { ca: { commonName: carol } }              # also serial: 01ab; ca: {} takes every one
        guest: { anonymous: true, group: visitors, expires: 2027-03-31, disabled: false, policy: { multiLogins: 9 } }
      groups:
        visitors: { policy: { maxUpload: 10M, noBridge: true, noRouting: true } }    # docs/users.md has all of them
      cas: [ca.crt]
      taps: [{ name: elsrv0, address: 10.90.0.1/24, mtu: 1500, offload: true, busyPoll: 0 }]   # a TAP of this host as a port of the hub
      bridges: [{ interface: eth1 }]        # likewise an interface of this host
      stormLimit: 32                        # flooded frames per second of one source; 0 is off
      cascades:                             # ways to other hubs; held up for ever, tried again every 10 seconds
        branch: { server: "vpn.example.com:443", hub: lab, user: head, passwordFile: branch.password, ca: vpn-ca.crt }
                                            # instead of passwordFile: passwordHash, clientCertificate with clientKey, or anonymous; of ca: pin or insecure; further:
                                            # connections (8), connectionInterval, connectionLifetime, halfDuplex, encrypt,
                                            # compress, proxy, tls, priorityRule, congestion, policy, online (true)
        # next: { hub: other }              # another hub of this server, without a connection
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
