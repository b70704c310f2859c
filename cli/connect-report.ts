/** What `etherloom connect` prints on stdout: a line for each thing that happens, for people or as JSON. */

import type { ClientEnd, ClientEvent } from '../engine/client/options.ts';
import { type Io, printLine } from './io.ts';
import { formatDuration, printable } from './text.ts';

export interface ConnectReport {
  started(version: string, control: string | undefined): void;
  event(event: ClientEvent): void;
  ended(end: ClientEnd): void;
}

export interface ConnectSubject {
  readonly server: string;
  readonly hub: string;
  readonly user: string;
  readonly tap: string;
}

export function connectReport(json: boolean, io: Io, subject: ConnectSubject): ConnectReport {
  return json ? jsonReport(io, subject) : textReport(io, subject);
}

function jsonReport(io: Io, subject: ConnectSubject): ConnectReport {
  const print = (event: string, fields: object) =>
    printLine(io.stdout, JSON.stringify({ event, time: new Date().toISOString(), ...fields }));
  return {
    started: (version, control) => print('started', { ...subject, control: control ?? null, version, pid: io.pid }),
    event: ({ kind, ...fields }) => print(kind, fields),
    ended: ({ kind, ...fields }) => print('ended', { cause: kind, ...fields }),
  };
}

function textReport(io: Io, { server, hub, user, tap }: ConnectSubject): ConnectReport {
  const print = (line: string) => printLine(io.stdout, line);
  return {
    started() {},
    event(event) {
      switch (event.kind) {
        case 'connecting':
          print(`connecting to ${server}${event.attempt > 1 ? `, attempt ${event.attempt}` : ''}`);
          break;
        case 'established':
          print(
            `connected: ${user} in hub ${hub} through ${tap}; session ${printable(event.session)}, ` +
              `server ${printable(event.server)}, ${printable(event.protocol)} ${printable(event.cipher)}${event.compressed ? ', compressed' : ''}`,
          );
          for (const line of event.message.split(/\r?\n/).filter((text) => text.trim() !== '')) {
            print(`  server says: ${printable(line)}`);
          }
          break;
        case 'interrupted':
          print(`interrupted: ${printable(event.cause)}; the session waits for new connections`);
          break;
        case 'resumed':
          print('resumed');
          break;
        case 'addressed': {
          const { address, lease, server } = event;
          print(
            `address: ${address} from ${server}${lease === undefined ? '' : `, for ${formatDuration(lease * 1000)}`}`,
          );
          break;
        }
        case 'unaddressed':
          print(`no address: ${event.address} is given up; ${printable(event.cause)}`);
          break;
        case 'lost':
          print(`not connected: ${printable(event.cause)}; next attempt in ${Math.round(event.retryMs / 1000)} s`);
          break;
      }
    },
    ended({ kind }) {
      if (kind === 'closed') print('ended');
    },
  };
}
