/** The exit codes of every command: the one table that the code, the help texts and the tests read. */

export const EXIT_CODES = {
  ok: {
    code: 0,
    meaning: 'done; a server, client or bridge in the foreground ended in order, also after SIGINT, SIGTERM, SIGHUP',
  },
  internal: { code: 1, meaning: 'an error inside Etherloom; please report it' },
  usage: { code: 2, meaning: 'wrong command, option or argument' },
  configuration: { code: 3, meaning: 'invalid configuration, or a file that cannot be read, written or used' },
  listen: {
    code: 4,
    meaning: 'cannot listen: the port is taken or not permitted, or the address is not of this machine',
  },
  tap: {
    code: 5,
    meaning: 'cannot open the TAP device (a missing right, or the name is taken) or bridge the interface',
  },
  refused: { code: 6, meaning: 'the server refused the login with an answer that will not change by itself' },
  untrusted: { code: 7, meaning: 'the server is not trusted: its certificate does not fit' },
  unreachable: {
    code: 8,
    meaning: 'the attempts are used up: the other side cannot be reached, or does not let this one in',
  },
  notRunning: { code: 9, meaning: 'no running server, client or bridge was found to ask' },
  settings: {
    code: 10,
    meaning: 'cannot change the settings of the machine: addresses, routes, DNS servers, firewall',
  },
  interrupted: {
    code: 130,
    meaning: 'interrupted at a question or in a measurement, or by a second signal (128 + its number)',
  },
} as const;

export type ExitName = keyof typeof EXIT_CODES;

export function exitCode(name: ExitName): number {
  return EXIT_CODES[name].code;
}

/** The part of the table that one command can return, for its help text. */
export function describeExitCodes(names: readonly ExitName[] = Object.keys(EXIT_CODES) as ExitName[]): string {
  const rows = names.map((name) => `  ${String(EXIT_CODES[name].code).padStart(3)}  ${EXIT_CODES[name].meaning}`);
  return ['Exit codes:', ...rows].join('\n');
}
