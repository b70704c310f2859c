import { type Command, Option } from 'commander';
import { interfaceAddress } from '../../engine/config/address.ts';
import { fingerprint } from '../../engine/config/fingerprint.ts';
import { foreignName, tapName } from '../../engine/config/names.ts';
import { dnsServer, gateway, route } from '../../engine/config/network.ts';
import { busyPoll, ipv6Mode, mtu } from '../../engine/config/rules.ts';
import { type ServerAddress, serverAddress } from '../../engine/config/server-address.ts';
import type { LogFormat, LogLevelName } from '../../engine/config/server-config.ts';
import {
  congestion,
  connectionInterval,
  connectionLifetime,
  connections,
  priorityRule,
  reconnectAttempts,
  reconnectInterval,
} from '../../engine/config/session-rules.ts';
import type { PriorityRule } from '../../engine/core.ts';
import { type ProxyPlace, parseProxyUrl } from '../../engine/proxy/url.ts';
import type { Congestion } from '../../engine/session/congestion.ts';
import {
  type TlsAlgorithm,
  type TlsProfile,
  type TlsVersionName,
  tlsAlgorithms,
  tlsMinimum,
  tlsProfile,
} from '../../engine/tls-legacy/choice.ts';
import { LEGACY_ALGORITHMS } from '../../engine/tls-legacy/suites.ts';
import type { Context } from '../context.ts';
import type { ExitName } from '../exit-codes.ts';
import { Failure } from '../failure.ts';
import { helpTail } from '../help.ts';
import { addLogOptions, byRule, collectByRule, refusePasswordOption } from '../option-rules.ts';

/** What is absent is for the profile to say. */
export interface ConnectFlags {
  readonly profile?: string;
  readonly hub?: string;
  readonly user?: string;
  readonly passwordFile?: string;
  readonly plainPassword?: boolean;
  readonly anonymous?: boolean;
  readonly clientCertificate?: string;
  readonly clientKey?: string;
  readonly tap?: string;
  readonly address?: readonly string[];
  readonly mtu?: number;
  readonly dhcp?: boolean;
  readonly ipv6?: 'auto' | 'dhcp' | 'off';
  readonly route?: readonly string[];
  readonly gateway?: readonly string[];
  readonly dns?: readonly string[];
  readonly killSwitch?: boolean;
  readonly allowLan?: boolean;
  readonly busyPoll?: number;
  readonly offload?: boolean;
  readonly pin?: string;
  readonly ca?: string;
  readonly insecure?: boolean;
  readonly tlsProfile?: TlsProfile;
  readonly tlsAlgorithms?: readonly TlsAlgorithm[];
  readonly minTls?: TlsVersionName;
  readonly bridge?: boolean;
  readonly monitor?: boolean;
  readonly qos?: boolean;
  readonly priorityRule?: PriorityRule;
  readonly congestion?: Congestion;
  readonly connections?: number;
  readonly connectionInterval?: number;
  readonly connectionLifetime?: number;
  readonly halfDuplex?: boolean;
  readonly encrypt?: boolean;
  readonly compress?: boolean;
  readonly reconnectInterval?: number;
  readonly reconnectAttempts?: number;
  /** False with `--no-proxy`. */
  readonly proxy?: ProxyPlace | false;
  readonly proxyCredentialsFile?: string;
  /** Started by `etherloom up`. */
  readonly background?: boolean;
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
        'Options go before the profile, and every switch has its opposite for that: --qos, --encrypt, --offload, --no-bridge, ' +
        '--no-half-duplex, --no-plain-password, --no-proxy, --no-dhcp, --no-kill-switch.\n\n' +
        'The password comes from --password-file, or from the variable ETHERLOOM_PASSWORD, or is asked for at a terminal. ' +
        'Without any of them, or with an empty answer, the login is anonymous. With --client-certificate there is no password.\n\n' +
        'The server is trusted by --pin, by --ca, or when a CA of the runtime signed its certificate for this host; otherwise ' +
        'you are asked once at a terminal, and the answer is remembered.\n\n' +
        'Who you are to a proxy is read from --proxy-credentials-file, or from the variable ETHERLOOM_PROXY_CREDENTIALS: ' +
        'user:password, for SOCKS4 the user alone.',
    )
    .argument('[server]', 'HOST, HOST:PORT or [IPV6]:PORT; the port is 443 when absent', byRule(serverAddress))
    .option(
      '--profile <file>',
      'read from this file, YAML, what no option says; paths in it are meant from its own directory',
    )
    .option('--hub <name>', 'the virtual hub', byRule(foreignName))
    .option('--user <name>', 'the user of the hub', byRule(foreignName))
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
    .addOption(
      new Option(
        '--client-certificate <file>',
        'log in with this certificate, PEM or DER, in place of a password; its key is RSA',
      ).conflicts(['passwordFile', 'plainPassword', 'anonymous']),
    )
    .option(
      '--client-key <file>',
      'the private key of that certificate, PEM; its passphrase comes from the variable ETHERLOOM_KEY_PASSPHRASE or is asked for',
    )
    .option('--tap <name>', 'the TAP device to create', byRule(tapName))
    .addOption(
      new Option('--address <cidr>', 'an address for the TAP, such as 10.90.0.2/24; may be repeated').argParser(
        collectByRule(interfaceAddress),
      ),
    )
    .option('--dhcp', 'get an IPv4 address for the TAP by DHCP')
    .option(
      '--ipv6 <mode>',
      'IPv6 addresses of the TAP: auto, by router advertisements, and by DHCPv6 when they say so; dhcp; or off',
      byRule(ipv6Mode),
    )
    .addOption(
      new Option(
        '--route <network>',
        'send this network through the TAP: CIDR, default for everything, or auto for what the DHCP server says; may be repeated',
      ).argParser(collectByRule(route)),
    )
    .addOption(
      new Option(
        '--gateway <address>',
        'the router of the routes, when not that of DHCP; once for each family',
      ).argParser(collectByRule(gateway)),
    )
    .addOption(
      new Option('--dns <address>', 'a DNS server, or auto for those that DHCP names; may be repeated').argParser(
        collectByRule(dnsServer),
      ),
    )
    .option(
      '--kill-switch',
      'let nothing leave this machine but through the TAP, while this command runs or was killed',
    )
    .option('--allow-lan', 'with the kill switch: let the networks pass that the machine is attached to')
    .addOption(new Option('--mtu <bytes>', 'the MTU of the TAP (default: 1500)').argParser(byRule(mtu)))
    .addOption(
      new Option(
        '--busy-poll <microseconds>',
        'look for frames of the TAP without resting until so long behind the last one, for lower delay (default: 0)',
      ).argParser(byRule(busyPoll)),
    )
    // In front of its opposite: the other way round, what is not given would be true.
    .addOption(new Option('--offload').hideHelp())
    .option('--no-offload', 'let the kernel cut and join frames of the TAP, and finish their checksums, by itself')
    .addOption(
      new Option('--pin <sha256>', 'trust exactly the certificate with this SHA-256 fingerprint')
        .argParser(byRule(fingerprint))
        .conflicts(['ca', 'insecure']),
    )
    .addOption(
      new Option('--ca <file>', 'trust certificates that these CAs (PEM) signed for this host').conflicts(['insecure']),
    )
    .option('--insecure', 'trust any certificate; warns every time')
    .option(
      '--tls-profile <name>',
      'modern, the TLS of the runtime; packetix-2.0, RC4-MD5 as the first servers have it; or custom (default: modern)',
      byRule(tlsProfile),
    )
    .option(
      '--tls-algorithms <list>',
      `for old servers, with commas: ${LEGACY_ALGORITHMS.join(', ')}; warns`,
      byRule(tlsAlgorithms),
    )
    .option(
      '--min-tls <version>',
      `refuse a server that has less: ${tlsMinimum.allowed} (default: TLSv1.2; with --tls-algorithms TLSv1)`,
      byRule(tlsMinimum),
    )
    .option('--bridge', 'ask for bridge mode: more than one station behind the TAP')
    .option(
      '--monitor',
      'ask for copies of all frames of the hub, and nothing else; the user needs the policy monitorPort',
    )
    .addOption(new Option('--qos').hideHelp())
    .option('--no-qos', 'do not ask for a connection of its own for priority frames')
    .option(
      '--priority-rule <rule>',
      'which frames are priority frames: packetix, as every peer has it, or extended, which also knows IPv6, VLAN tags, ' +
        'DSCP classes, TCP acknowledgements and DNS (default: packetix)',
      byRule(priorityRule),
    )
    .option(
      '--congestion <name>',
      'how the kernel controls congestion: auto takes bbr on ways of 3 ms and more, system what the system has set, or a ' +
        "name of the kernel's (default: auto)",
      byRule(congestion),
    )
    .option(
      '--connections <count>',
      'TCP connections of the session, 1 to 32 (default: 1; with QoS 2)',
      byRule(connections),
    )
    .option(
      '--connection-interval <seconds>',
      'time between opening two of them, from 1 (default: 1)',
      byRule(connectionInterval),
    )
    .option(
      '--connection-lifetime <seconds>',
      'replace each connection at this age, from 1, or off (default: off)',
      byRule(connectionLifetime),
    )
    .option('--half-duplex', 'let each connection carry frames one way only; needs --connections of 2 or more')
    .addOption(new Option('--encrypt').hideHelp())
    .option('--no-encrypt', 'encrypt the login only: the frames can be read and changed on the way; warns')
    .option(
      '--compress',
      'compress the frames; whoever can send some to be compressed may learn what others hold; warns',
    )
    .option(
      '--reconnect-interval <seconds>',
      'time before a lost session is set up again, from 5 (default: 15)',
      byRule(reconnectInterval),
    )
    .option(
      '--reconnect-attempts <count>',
      'attempts after one that failed, from 0, or unlimited (default: unlimited); when given, also an answer that will ' +
        'not change by itself is asked for again',
      byRule(reconnectAttempts),
    )
    .option('--proxy <url>', 'KIND://HOST:PORT of a proxy; the kind is http, socks4, socks4a or socks5', proxyPlace)
    .option('--proxy-credentials-file <file>', 'one line: user:password')
    .addOption(new Option('--background').hideHelp())
    .option('--json', 'print events as lines of JSON, and errors as JSON')
    .addHelpText('after', `\n${PROFILE}${helpTail(EXAMPLES, EXITS)}`)
    .action(async (server: ServerAddress | undefined, flags: ConnectFlags) => {
      const { runConnect } = await import('./connect-run.ts');
      await runConnect(server, flags, context);
    });
  for (const name of [
    'no-dhcp',
    'no-kill-switch',
    'no-allow-lan',
    'no-bridge',
    'no-monitor',
    'no-half-duplex',
    'no-compress',
    'no-plain-password',
    'no-proxy',
  ]) {
    command.addOption(new Option(`--${name}`).hideHelp());
  }
  addLogOptions(refusePasswordOption(command));
}

/** Not by `byRule`, whose message repeats the argument: a URL with credentials is refused and not shown. */
function proxyPlace(text: string): ProxyPlace {
  const parsed = parseProxyUrl(text);
  if (parsed.ok) return parsed.proxy;
  const shown = text.includes('@') ? '' : ` argument '${text}'`;
  throw new Failure(
    'usage',
    `option '--proxy <url>'${shown} is invalid: ${parsed.problem}`,
    'credentials come from --proxy-credentials-file FILE or the variable ETHERLOOM_PROXY_CREDENTIALS',
  );
}

const PROFILE = `The profile, in which everything may be left to the options:
  server: vpn.example.com:443
  hub: lab
  user: alice
  passwordFile: alice.pw                # or anonymous: true; with plainPassword: true it is sent as it is
  # clientCertificate: alice.crt        # in place of a password, with
  # clientKey: alice.key
  tap: { name: vpn0, address: 10.90.0.2/24, mtu: 1500, offload: true, busyPoll: 0 }   # or a list of addresses
                                        # or { name: vpn0, dhcp: true, ipv6: auto }; ipv6: dhcp, off; mac: 02:11:22:33:44:55
  routes: [10.0.0.0/8]                  # or default, or auto: what the DHCP server says
  gateway: 10.90.0.1                    # when not the router of DHCP
  metric: 50
  dns: 10.90.0.1                        # or a list, or auto
  search: corp.example.com              # or a list
  killSwitch: true
  allowLan: true
  pin: 9f86d081...                      # or ca: ca.pem, or insecure: true
  tls: { profile: modern, minimum: TLSv1.3 }                  # or { algorithms: [AES256-SHA], minimum: TLSv1 }
  bridge: false
  monitor: false
  qos: true
  connections: 8                        # 1 to 32
  connectionInterval: 1                 # seconds, from 1
  connectionLifetime: off               # seconds, from 1, or off
  halfDuplex: false
  encrypt: true
  compress: false
  priorityRule: packetix                # or extended
  congestion: auto                      # or system, or bbr
  reconnect: { interval: 15, attempts: unlimited }            # seconds, from 5; from 0, or unlimited
  proxy: { url: socks5://10.0.0.1:1080, credentialsFile: proxy.cred }
  log: { level: info, format: text }
`;

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
    'etherloom connect vpn.example.com --hub lab --user alice --client-certificate alice.crt --client-key alice.key --tap vpn0',
    'with a certificate',
  ],
  [
    'etherloom connect vpn.example.com --hub lab --user alice --tap vpn0 --dhcp --route default --dns auto --kill-switch',
    'everything through the tunnel',
  ],
  ['etherloom connect --profile lab.yaml --connections 16', 'what the profile says, with more connections'],
  [
    'etherloom connect vpn.example.com --hub lab --user alice --tap vpn0 --proxy http://proxy.example.com:3128',
    'through a proxy',
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
  'settings',
  'interrupted',
];
