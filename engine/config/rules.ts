/**
 * What a single value may be. The configuration file and the command line's options share these rules, so that
 * both accept the same and say the same.
 */

/** Reads a value from its text. */
export interface Rule<T> {
  /** What is allowed, as it reads after "allowed is". */
  readonly allowed: string;
  /** The value, or undefined when `text` is not allowed. */
  parse(text: string): T | undefined;
}

/** A whole number in decimal digits. */
export function whole(min: number, max: number, unit = ''): Rule<number> {
  return {
    allowed: `a whole number from ${min} to ${max}${unit === '' ? '' : ` (${unit})`}`,
    parse(text) {
      // Fifteen digits are exact in a double; the bounds below say the rest.
      if (!/^(0|[1-9][0-9]{0,14})$/.test(text)) return undefined;
      const value = Number(text);
      return value >= min && value <= max ? value : undefined;
    },
  };
}

/** One of a few words. */
export function oneOf<const W extends string>(...words: readonly W[]): Rule<W> {
  return {
    allowed: words.join(', ').replace(/, ([^,]*)$/, ' or $1'),
    parse: (text) => words.find((word) => word === text),
  };
}

/** `true` or `false`, as YAML 1.2 spells them. */
export const yesOrNo: Rule<boolean> = {
  allowed: 'true or false',
  parse: (text) => (text === 'true' ? true : text === 'false' ? false : undefined),
};

/** The path of a file. */
export const filePath: Rule<string> = {
  allowed: 'the path of a file, on one line',
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a path with control characters is a mistake, such as a pasted PEM.
  parse: (text) => (text !== '' && text.length <= 4096 && !/[\u0000-\u001f]/.test(text) ? text : undefined),
};

export const logLevel = oneOf('error', 'warn', 'info', 'debug', 'trace');
export const logFormat = oneOf('text', 'json');

/** How a client's TAP gets IPv6 addresses (`ClientSettings`). */
export const ipv6Mode = oneOf('auto', 'dhcp', 'off');

/** A MAC address for a TAP. */
export const macAddress: Rule<Uint8Array<ArrayBuffer>> = {
  allowed:
    'a MAC address for one station, locally administered, such as 02:11:22:33:44:55 (its first byte ends in 2, 6, a or e)',
  parse(text) {
    if (!/^([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$/.test(text)) return undefined;
    const bytes = Uint8Array.from(text.split(':'), (byte) => Number.parseInt(byte, 16));
    return (bytes[0]! & 3) === 2 ? bytes : undefined;
  },
};

/** MTU of a TAP (engine/host.ts, TapOptions). */
export const mtu = whole(576, 65521, 'bytes');

/** A second: whoever polls for longer never sleeps. */
export const busyPoll = whole(0, 1_000_000, 'microseconds');
