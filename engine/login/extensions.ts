import type { PackBuilder } from '../pack/builder.ts';
import { nameKey, TYPE_INT } from '../pack/element.ts';
import type { Pack } from '../pack/pack.ts';

/**
 * What two nodes of ours agree on and a SoftEther peer ignores, as it ignores every element that it does not know:
 * name of the extension, without the prefix and in lower case, to the version of it, 1 to 0xFFFFFFFF. A login says what
 * the client can do, the welcome what the server took from that.
 */
export type Extensions = ReadonlyMap<string, number>;

export const NO_EXTENSIONS: Extensions = new Map();

const PREFIX = 'etherloom_';

/** Extensions that are read from one message. A peer may send thousands; we have a handful. */
const MAX_EXTENSIONS = 32;

export function putExtensions(builder: PackBuilder, extensions: Extensions): PackBuilder {
  for (const [name, version] of extensions) builder.int(PREFIX + name, version);
  return builder;
}

/** An extension of version 0 is absent. */
export function getExtensions(pack: Pack): Extensions {
  const extensions = new Map<string, number>();
  for (const element of pack.elements) {
    const key = nameKey(element.name);
    if (element.type !== TYPE_INT || !key.startsWith(PREFIX) || element.values[0] === 0) continue;
    if (extensions.size < MAX_EXTENSIONS) extensions.set(key.slice(PREFIX.length), element.values[0]!);
  }
  return extensions;
}
