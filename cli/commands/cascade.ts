import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { helpTail } from '../help.ts';

export interface CascadeFlags {
  readonly hub?: string;
  readonly json?: boolean;
  readonly socket?: string;
}

export function defineCascade(program: Command, context: Context): void {
  const cascade = program
    .command('cascade')
    .summary('show the cascades of a running server, bring one up or take it down')
    .description(
      'Cascades join a hub to a hub of another server, or of the same one. They stand in the configuration of the server; ' +
        'what is changed here lasts until the server ends, and then `online` of the configuration counts again.',
    );
  const run = async (action: 'list' | 'online' | 'offline', name: string | undefined, flags: CascadeFlags) => {
    const { runCascade } = await import('./cascade-run.ts');
    await runCascade(action, name, flags, context);
  };
  const codes = ['ok', 'internal', 'usage', 'notRunning'] as const;
  options(cascade.command('list').summary('show all cascades').description('Shows all cascades of a running server.'))
    .addHelpText('after', helpTail([['etherloom cascade list', 'what each of them is doing']], codes))
    .action((flags: CascadeFlags) => run('list', undefined, flags));
  for (const action of ['online', 'offline'] as const) {
    const what = action === 'online' ? 'bring a cascade up' : 'take a cascade down';
    const long = action === 'online' ? 'Brings a cascade up' : 'Takes a cascade down';
    options(
      cascade
        .command(`${action} <name>`)
        .summary(what)
        .description(
          `${long}, until the server ends: the configuration is not changed, and a server that starts again does what stands there.`,
        ),
    )
      .addHelpText('after', helpTail([[`etherloom cascade ${action} branch --hub lab`, what]], codes))
      .action((name: string, flags: CascadeFlags) => run(action, name, flags));
  }
}

function options(command: Command): Command {
  return command
    .option('--hub <name>', 'the hub that the cascade belongs to; needed when several have one of this name')
    .option('--socket <path>', 'ask the server at this control socket; needed when several are running')
    .option('--json', 'print JSON, and errors as JSON');
}
