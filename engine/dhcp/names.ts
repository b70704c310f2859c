/** Domain names as servers send them. They end in files that others read: what is no host name is left out. */

const NAME_BYTES_MAX = 253;
const LABEL = /^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/;
/** Of one list; what resolvers search (resolv.conf(5)). */
export const NAMES_MAX = 6;

/** A name in lower case without a dot at its end; undefined when it is none. */
export function domainName(text: string): string | undefined {
  const name = text.replace(/\.$/, '').toLowerCase();
  if (name.length === 0 || name.length > NAME_BYTES_MAX) return undefined;
  return name.split('.').every((label) => LABEL.test(label)) ? name : undefined;
}

/**
 * A list of names in the form of RFC 1035 §3.1, with pointers into `bytes` where `compressed` (RFC 3397 §2; not in RFC
 * 8415 §10). It ends at the first name that is broken; names that nobody may have are left out.
 */
export function domainNames(bytes: Uint8Array, compressed: boolean): string[] {
  const names: string[] = [];
  for (let at = 0; at < bytes.length && names.length < NAMES_MAX; ) {
    const read = readName(bytes, at, compressed);
    if (read === undefined) break;
    at = read.end;
    const name = domainName(read.labels.join('.'));
    if (name !== undefined && !names.includes(name)) names.push(name);
  }
  return names;
}

function readName(
  bytes: Uint8Array,
  start: number,
  compressed: boolean,
): { labels: string[]; end: number } | undefined {
  const labels: string[] = [];
  let end: number | undefined;
  let length = 0;
  let limit = bytes.length;
  for (let at = start; at < bytes.length; ) {
    const size = bytes[at]!;
    if (size === 0) return { labels, end: end ?? at + 1 };
    if ((size & 0xc0) === 0xc0) {
      const target = ((size & 0x3f) << 8) | (bytes[at + 1] ?? 0);
      // Only backwards, and each time further: no loop.
      if (!compressed || at + 1 >= bytes.length || target >= Math.min(at, limit)) return undefined;
      end ??= at + 2;
      limit = target;
      at = target;
      continue;
    }
    if (size > 63 || at + 1 + size > bytes.length) return undefined;
    length += size + 1;
    if (length > NAME_BYTES_MAX + 1) return undefined;
    labels.push(String.fromCharCode(...bytes.subarray(at + 1, at + 1 + size)));
    at += size + 1;
  }
  return undefined;
}
