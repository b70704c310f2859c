/**
 * The middlebox as a program, to be run inside a namespace:
 *
 *   middlebox-main.js '{"port":443,"target":{"host":"10.0.0.1","port":443},"seed":1,"faults":{}}'
 *
 * Commands come as lines of JSON on standard input, each with a number that its answer repeats:
 *
 *   {"command":1,"do":"set","faults":{"expire":{"afterMs":5000,"how":"fin"},"delay":null}}
 *   {"command":2,"do":"stall","way":"up","ms":1000,"connection":3}
 *   {"command":3,"do":"blackout","ms":2000}
 *   {"command":4,"do":"end","how":"rst"}
 *   {"command":5,"do":"statistics"}
 *
 * Standard output has one JSON object per line: the events of middlebox-relay.ts, {"type":"answer","command":N} with
 * `error` or `statistics` where there is one, and at SIGTERM, as the last, {"type":"statistics",...}.
 * Exit codes: 0 after SIGTERM, 1 failed, 2 wrong usage.
 */
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { FaultChange } from './middlebox-faults.ts';
import { type EndCommand, Relay, type RelayConfig, type StallCommand, type Statistics } from './middlebox-relay.ts';

type Command = { readonly command: number } & (
  | { readonly do: 'set'; readonly faults: FaultChange }
  | ({ readonly do: 'stall' } & StallCommand)
  | { readonly do: 'blackout'; readonly ms: number }
  | ({ readonly do: 'end' } & EndCommand)
  | { readonly do: 'statistics' }
);

/** Synchronous: a line must be out before the process ends. */
function say(object: unknown): void {
  writeSync(1, `${JSON.stringify(object)}\n`);
}

function obey(relay: Relay, command: Command): { statistics?: Statistics } {
  switch (command.do) {
    case 'set':
      relay.set(command.faults);
      return {};
    case 'stall':
      relay.stall(command);
      return {};
    case 'blackout':
      relay.blackout(command.ms);
      return {};
    case 'end':
      relay.end(command);
      return {};
    case 'statistics':
      return { statistics: relay.statistics() };
    default:
      throw new TypeError(`do: got ${JSON.stringify((command as { do?: unknown }).do)}`);
  }
}

async function main(): Promise<void> {
  const relay = await Relay.start(JSON.parse(process.argv[2] ?? '') as RelayConfig, say);
  createInterface({ input: process.stdin }).on('line', (line) => {
    let number = 0;
    try {
      const command = JSON.parse(line) as Command;
      number = command.command;
      say({ type: 'answer', command: number, ...obey(relay, command) });
    } catch (error) {
      say({ type: 'answer', command: number, error: (error as Error).message });
    }
  });
  process.on('SIGTERM', () => {
    relay.stop();
    say({ type: 'statistics', ...relay.statistics() });
    // The resets go out when the loop comes round.
    setImmediate(() => process.exit(0));
  });
}

main().catch((error: Error) => {
  say({ type: 'error', message: error.message });
  process.exit(error instanceof SyntaxError || error instanceof TypeError ? 2 : 1);
});
