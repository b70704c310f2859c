/** What the launcher hands to the command line: the runtime's host and the engine, loaded when a command needs them. */

import type { ClientEvent, ClientOptions, RunningClient } from '../engine/client/options.ts';
import type { Host, Log } from '../engine/host.ts';
import type { RunningServer, ServerOptions } from '../engine/server/options.ts';
import type { startSpeedtest, startSpeedtestServer } from '../engine/speedtest/index.ts';

export interface Environment {
  /** Etherloom's version, from package.json. */
  readonly version: string;
  readonly runtime: { readonly name: string; readonly version: string };
  /** Loads the host, the core and the engine. `--help` and `--version` never call it. */
  readonly load: () => Promise<Engine>;
}

export interface Engine {
  readonly host: Host;
  readonly sha0: (bytes: Uint8Array) => Uint8Array;
  readonly startServer: (host: Host, options: ServerOptions, log: Log) => Promise<RunningServer>;
  readonly startClient: (
    host: Host,
    options: ClientOptions,
    log: Log,
    onEvent: (event: ClientEvent) => void,
  ) => RunningClient;
  readonly startSpeedtest: typeof startSpeedtest;
  readonly startSpeedtestServer: typeof startSpeedtestServer;
}
