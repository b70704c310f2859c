/** `npm run bench -- NAME [options]`: each figure that the README or an issue quotes, by one command. */

import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type CoreBenchOptions, render, run } from './core.ts';
import { UsageError } from './usage-error.ts';

const HELP = `Usage: npm run bench -- NAME [options]

  core         the data plane by itself: ns, calls and copies for each frame, Gbit/s
  deflate      frames compressed one at a time, by the core and by others (about 4 minutes)
  crypto       hashes, ciphers, records of each suite and handshakes, beside others (about 3 minutes)
  compression  tunnels that compress, with HTML and with random bytes (about 2 minutes)
  sessions     a server with many idle sessions: memory, and whether it keeps them
  bare         the stream of a session without encryption against a socket that never had TLS
  bridge       a bridged interface against a TAP, one TCP flow each way (about 2 minutes)
  restart      how long a client's traffic rests when its server is restarted
  cascade      a flow through two hubs that are joined, beside one through one hub (about 3 minutes a round)
  loop         how long it takes until a loop of three servers is cut
  tunnel       Etherloom, SoftEther, OpenVPN, a raw TLS stream and a bare cable side by side (about 25 minutes)
  waking       how long a frame of a TAP waits for JavaScript, by the way of waiting for it
  wan          flows and calls over long and limited lines, by the number of connections (about 20 minutes a round)

  --json             results as JSON
  --runtime NAME     sessions, compression, wan, waking, bare, bridge, restart, cascade, loop: node or bun; both when absent
  --rounds N         crypto, deflate, compression, wan, tunnel, waking, bare, bridge, restart, cascade, loop: how often each has its turn, 3 when absent
  --seconds N        sessions: how long they are kept, 60 when absent; tunnel, bare, bridge, cascade, compression, wan: length of one transfer, 3 when absent (wan: 8)
  --milliseconds N   core: length of one measurement, 200 when absent; crypto: of the rounds of one together
  --build NAME       core: simd or scalar; both when absent
  --sizes LIST       deflate: bytes of a frame, separated by commas; 64 to 65000 when absent
  --sessions N       sessions: how many, 1000 when absent
  --quick            tunnel: one round with transfers of a second, without tcp4: a first look in about 5 minutes
  --only NAMES       crypto: primitives; deflate: some of source, html, json, headers, program, random; tunnel: subjects, wan: lines (capped, half, towards, cable, long, lossy, calls, freeze), separated by commas; a beginning stands for all names that begin so
  --measures NAMES   tunnel: some of ping, tcp, tcp4, load, udp, memory, separated by commas
  --markdown FILE    tunnel, wan: writes a report, and its chart beside it; crypto: a report
  --help

The benches of the core, of crypto and of deflate run on the runtime that starts them: npx bun dist/bench/main.js core`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      milliseconds: { type: 'string', default: '200' },
      build: { type: 'string' },
      sessions: { type: 'string', default: '1000' },
      seconds: { type: 'string' },
      runtime: { type: 'string' },
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      sizes: { type: 'string' },
      only: { type: 'string' },
      measures: { type: 'string' },
      markdown: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const [name] = positionals;
  if (values.help) {
    console.log(HELP);
  } else if (name === 'core') {
    const builds = oneOf('--build', values.build, ['simd', 'scalar'] as const);
    const options: CoreBenchOptions = { milliseconds: natural('--milliseconds', values.milliseconds), builds };
    const results = await run(options);
    const runtime =
      process.versions.bun === undefined ? `Node ${process.versions.node}` : `Bun ${process.versions.bun}`;
    console.log(values.json ? JSON.stringify({ runtime, results }) : `${runtime}\n${render(results)}`);
  } else if (name === 'deflate') {
    const { corporaNamed, renderDeflate, runDeflate, SIZES } = await import('./deflate/run.ts');
    const corpora = corporaNamed(values.only?.split(','));
    if (corpora === undefined) throw new UsageError(`--only: expected names of corpora, got ${values.only}`);
    const result = await runDeflate({
      rounds: natural('--rounds', values.rounds ?? '3'),
      sizes: values.sizes?.split(',').map((text) => natural('--sizes', text)) ?? SIZES,
      corpora,
      say: (text) => console.error(text),
    });
    console.log(values.json ? JSON.stringify(result) : renderDeflate(result));
  } else if (name === 'crypto') {
    const { primitivesNamed, runCrypto } = await import('./crypto/run.ts');
    const { markdownCrypto, renderCrypto } = await import('./crypto/report.ts');
    const result = await runCrypto({
      rounds: natural('--rounds', values.rounds ?? '5'),
      milliseconds: natural('--milliseconds', values.milliseconds) / 5,
      primitives: primitivesNamed(values.only?.split(',')),
      say: (text) => console.error(text),
    });
    console.log(values.json ? JSON.stringify(result) : renderCrypto(result));
    if (values.markdown !== undefined) writeFileSync(values.markdown, markdownCrypto(result));
  } else if (name === 'compression') {
    const { renderCompression, runCompression } = await import('./compression.ts');
    const results = await runCompression({ ...turns(values), seconds: natural('--seconds', values.seconds ?? '3') });
    console.log(values.json ? JSON.stringify({ results }) : renderCompression(results));
  } else if (name === 'sessions') {
    // Only here: it needs network namespaces, and the other bench does not.
    const { renderSessions, runSessions } = await import('./sessions.ts');
    const results = await runSessions({
      sessions: natural('--sessions', values.sessions),
      seconds: natural('--seconds', values.seconds ?? '60'),
      runtimes: oneOf('--runtime', values.runtime, ['node', 'bun'] as const),
      say: (text) => console.error(text),
    });
    console.log(values.json ? JSON.stringify({ results }) : renderSessions(results));
  } else if (name === 'bare') {
    const { renderBare, runBare } = await import('./bare.ts');
    const results = await runBare({ ...turns(values), seconds: natural('--seconds', values.seconds ?? '3') });
    console.log(values.json ? JSON.stringify({ results }) : renderBare(results));
  } else if (name === 'bridge') {
    const { renderBridgeBench, runBridgeBench } = await import('./bridge.ts');
    const results = await runBridgeBench({ ...turns(values), seconds: natural('--seconds', values.seconds ?? '3') });
    console.log(values.json ? JSON.stringify({ results }) : renderBridgeBench(results));
  } else if (name === 'restart') {
    const { renderRestart, runRestart } = await import('./restart.ts');
    const results = await runRestart(turns(values));
    console.log(values.json ? JSON.stringify({ results }) : renderRestart(results));
  } else if (name === 'cascade') {
    const { renderCascade, runCascade } = await import('./cascade.ts');
    const results = await runCascade({ ...turns(values), seconds: natural('--seconds', values.seconds ?? '3') });
    console.log(values.json ? JSON.stringify({ results }) : renderCascade(results));
  } else if (name === 'loop') {
    const { renderLoop, runLoop } = await import('./loop.ts');
    const results = await runLoop(turns(values));
    console.log(values.json ? JSON.stringify({ results }) : renderLoop(results));
  } else if (name === 'wan') {
    const { wanCommand } = await import('./wan/command.ts');
    await wanCommand({
      ...turns(values),
      ...{ only: values.only?.split(','), json: values.json, markdown: values.markdown },
      seconds: natural('--seconds', values.seconds ?? '8'),
    });
  } else if (name === 'waking') {
    const { renderWaking, runWaking } = await import('./waking.ts');
    const results = await runWaking(turns(values));
    console.log(values.json ? JSON.stringify({ results }) : renderWaking(results));
  } else if (name === 'tunnel') {
    const { tunnelCommand } = await import('./tunnel/command.ts');
    process.exitCode = await tunnelCommand({
      ...{ json: values.json, quick: values.quick, markdown: values.markdown },
      ...{ only: values.only?.split(','), measures: values.measures?.split(',') },
      rounds: values.rounds === undefined ? undefined : natural('--rounds', values.rounds),
      seconds: values.seconds === undefined ? undefined : natural('--seconds', values.seconds),
    });
  } else {
    throw new UsageError(
      name === undefined
        ? HELP
        : `there is no bench "${name}": expected core, deflate, crypto, compression, sessions, bare, bridge, restart, cascade, loop, tunnel, waking or wan`,
    );
  }
}

/** What benches have in common in which several have their turn. */
function turns({ rounds = '3', runtime }: { rounds?: string | undefined; runtime?: string | undefined }) {
  return {
    rounds: natural('--rounds', rounds),
    runtimes: oneOf('--runtime', runtime, ['node', 'bun'] as const),
    say: (text: string) => console.error(text),
  };
}

function natural(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new UsageError(`${option}: expected a number, got ${text}`);
  return value;
}

function oneOf<T extends string>(option: string, text: string | undefined, all: readonly T[]): readonly T[] {
  if (text === undefined) return all;
  const found = all.find((each) => each === text);
  if (found === undefined) throw new UsageError(`${option}: expected ${all.join(' or ')}, got ${text}`);
  return [found];
}

try {
  await main();
} catch (error) {
  const usage = error instanceof UsageError || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS') === true;
  if (!usage) throw error;
  console.error((error as Error).message);
  process.exitCode = 2;
}
