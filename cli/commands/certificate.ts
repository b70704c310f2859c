import { type Command, Option } from 'commander';
import { commonName } from '../../engine/config/names.ts';
import { whole } from '../../engine/config/rules.ts';
import type { Context } from '../context.ts';
import { helpTail } from '../help.ts';
import { byRule } from '../option-rules.ts';

export interface CertificateFlags {
  readonly ca?: boolean;
  readonly issuer?: string;
  readonly issuerKey?: string;
  readonly days: number;
  readonly certificate?: string;
  readonly key?: string;
  readonly json?: boolean;
}

const DAYS = 3650;

export function defineCertificate(program: Command, context: Context): void {
  program
    .command('certificate')
    .summary('create a certificate to log in with, or a CA for such')
    .description(
      'Creates a certificate and its private key, RSA with 2048 bits, for a user who logs in with it. It is signed by its ' +
        'own key, for `certificate: FILE` of a user, or by a CA, for `ca: {…}`. With --ca it creates such a CA, for `cas: [FILE]` ' +
        'of a hub.\n\n' +
        'Existing files are not overwritten. The key stays secret: the server gets the certificate only, and a CA that issues ' +
        'on another machine need not be on the server at all.',
    )
    .argument('<name>', 'the common name (CN): of a user, its name in the hub', byRule(commonName))
    .option('--ca', 'create a CA, which may issue others')
    .option('--issuer <file>', 'the certificate of the CA that issues this one, PEM')
    .option('--issuer-key <file>', 'the private key of that CA, PEM')
    .addOption(
      new Option('--days <count>', 'for how long it is valid')
        .argParser(byRule(whole(1, 36_500, 'days')))
        .default(DAYS),
    )
    .option('--certificate <file>', 'where to write the certificate (default: NAME.crt)')
    .option('--key <file>', 'where to write its private key (default: NAME.key)')
    .option('--json', 'print JSON')
    .addHelpText('after', helpTail(EXAMPLES, ['ok', 'internal', 'usage', 'configuration']))
    .action(async (name: string, flags: CertificateFlags) => {
      const { runCertificate } = await import('./certificate-run.ts');
      await runCertificate(name, flags, context);
    });
}

const EXAMPLES = [
  ['etherloom certificate alice', 'alice.crt for the server, and alice.key for alice'],
  ['etherloom certificate "Our CA" --ca --certificate ca.crt --key ca.key', 'a CA'],
  ['etherloom certificate carol --issuer ca.crt --issuer-key ca.key --days 365', 'which issues a certificate'],
] as const;
