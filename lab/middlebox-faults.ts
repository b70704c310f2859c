/** What the middlebox can do to connections, and the check of settings that come as JSON. */

/** `up` is from the client to the target. */
export type Way = 'up' | 'down';

/**
 * How the middlebox ends a connection, towards both ends: a reset, an orderly end, or not at all (it forgets the
 * connection without a word: nothing passes any more and nothing is acknowledged beyond what the kernel takes).
 */
export type Ending = 'rst' | 'fin' | 'hang';

/** The lasting faults. Each is off when absent. */
export interface Faults {
  /** Ends every connection that many milliseconds after it was established; those that are older at once. */
  readonly expire?: { readonly afterMs: number; readonly how?: Ending };
  /** Ends one connection, chosen by the seed, every so many milliseconds. */
  readonly random?: { readonly everyMs: number; readonly how?: Ending };
  /** Ends connections, opened from now on, whose client does not start with a strict TLS ClientHello. */
  readonly tls?: {
    /** Whether the hello must, may or must not name a server. Default `any`. */
    readonly sni?: 'any' | 'required' | 'forbidden';
    /** How many of the client's records must be TLS's, that of the hello included. Default 1. */
    readonly records?: number;
    /** Milliseconds in which the hello has to come. Default 10 000. */
    readonly timeoutMs?: number;
  };
  /** Ends connections that carry more than `bytes` in each direction after the first exchanges. */
  readonly oneWay?: {
    readonly bytes: number;
    /** How many times client and server may speak in turn before it counts; a new turn of the client starts the next. Default 1. */
    readonly exchanges?: number;
  };
  /** Delays everything by that many milliseconds, each way; the TCP handshake is not delayed. */
  readonly delay?: { readonly ms: number };
  /** Limits each direction of each connection. */
  readonly rate?: { readonly bitsPerSecond: number };
}

/** A change of the faults: what it names is replaced, or taken away by null; the rest stays. */
export type FaultChange = { readonly [Name in keyof Faults]: Faults[Name] | null };

type Field = { readonly optional?: true } & ({ readonly least: number } | { readonly oneOf: readonly string[] });

const HOW: Field = { oneOf: ['rst', 'fin', 'hang'], optional: true };

const FIELDS: { readonly [Name in keyof Required<Faults>]: Readonly<Record<string, Field>> } = {
  expire: { afterMs: { least: 0 }, how: HOW },
  random: { everyMs: { least: 1 }, how: HOW },
  tls: {
    sni: { oneOf: ['any', 'required', 'forbidden'], optional: true },
    records: { least: 1, optional: true },
    timeoutMs: { least: 1, optional: true },
  },
  oneWay: { bytes: { least: 0 }, exchanges: { least: 0, optional: true } },
  delay: { ms: { least: 0 } },
  rate: { bitsPerSecond: { least: 1 } },
};

/** The faults after a change. @throws TypeError that names what is wrong with the change. */
export function changeFaults(faults: Faults, change: FaultChange): Faults {
  const result: Record<string, unknown> = { ...faults };
  for (const [name, settings] of Object.entries(change)) {
    if (!Object.hasOwn(FIELDS, name)) {
      throw new TypeError(`faults: expected one of ${Object.keys(FIELDS).join(', ')}, got "${name}"`);
    }
    if (settings === null) delete result[name];
    else result[name] = check(name, settings, FIELDS[name as keyof Faults]);
  }
  return result;
}

function check(name: string, settings: unknown, fields: Readonly<Record<string, Field>>): unknown {
  if (typeof settings !== 'object' || settings === null) throw new TypeError(`${name}: expected an object or null`);
  const given = settings as Record<string, unknown>;
  for (const key of Object.keys(given)) {
    if (!Object.hasOwn(fields, key)) throw new TypeError(`${name}: there is no "${key}"`);
  }
  for (const [key, field] of Object.entries(fields)) {
    const value = given[key];
    if (value === undefined && field.optional === true) continue;
    const expected = 'oneOf' in field ? `one of ${field.oneOf.join(', ')}` : `a number of at least ${field.least}`;
    const good =
      'oneOf' in field ? field.oneOf.includes(value as string) : typeof value === 'number' && value >= field.least;
    if (!good) throw new TypeError(`${name}.${key}: expected ${expected}, got ${JSON.stringify(value)}`);
  }
  return settings;
}
