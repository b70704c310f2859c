import { httpDate } from './date.ts';
import { escapeHtml } from './escape.ts';
import { MAX_SHOWN_TARGET } from './limits.ts';
import { KEEP_ALIVE, writeMessage } from './write.ts';

/** What a browser sees: `protocol/control-plane.md` §1.6. */
export interface Page {
  /** Status and words, such as `404 Not Found`. */
  readonly status: string;
  readonly html: string;
}

/**
 * Clients up to build 9674 send `GET /` first and go away unless this stands in the first 1023 bytes of the body.
 */
export const PROBE_TAG = '9C37197CA7C2428388C2E6E59B829B30';

/** The answer to `GET /`. */
export function indexPage(): Page {
  return page('200 OK', 'Etherloom', 'This is a VPN server. It has no pages for browsers.', `<!-- ${PROBE_TAG} -->\n`);
}

/** @param target As it came in the request. */
export function forbiddenPage(target: string): Page {
  return page('403 Forbidden', 'Forbidden', `You may not use ${shown(target)} on this server.`);
}

/** @param target As it came in the request. */
export function notFoundPage(target: string): Page {
  return page('404 Not Found', 'Not Found', `There is no ${shown(target)} on this server.`);
}

/** @param method As it came in the request. */
export function notImplementedPage(method: string): Page {
  return page('501 Not Implemented', 'Not Implemented', `This server does not do ${shown(method)}.`);
}

export interface PageOptions {
  /** Milliseconds since 1970 UTC. */
  readonly utc: number;
  /** Answers a HEAD request: the same head, no body (RFC 9110 §9.3.2). */
  readonly headOnly: boolean;
  /** Says that the connection ends after this page. */
  readonly last: boolean;
}

export function writePage(page: Page, options: PageOptions): Uint8Array {
  // Pages are ASCII, so that characters are bytes.
  const body = new TextEncoder().encode(page.html);
  return writeMessage({
    firstLine: `HTTP/1.1 ${page.status}`,
    headers: [
      ['Connection', options.last ? 'close' : 'Keep-Alive'],
      ['Content-Length', String(body.length)],
      ['Content-Type', 'text/html; charset=iso-8859-1'],
      ['Date', httpDate(options.utc)],
      ...(options.last ? [] : [['Keep-Alive', KEEP_ALIVE] as const]),
    ],
    body: options.headOnly ? new Uint8Array(0) : body,
  });
}

/** `sentence` and `comment` are HTML already. */
function page(status: string, title: string, sentence: string, comment = ''): Page {
  const html = `<!DOCTYPE html>
<html lang="en">
${comment}<head><title>${title}</title></head>
<body><h1>${title}</h1><p>${sentence}</p></body>
</html>
`;
  return { status, html };
}

function shown(text: string): string {
  return escapeHtml(text.length > MAX_SHOWN_TARGET ? `${text.slice(0, MAX_SHOWN_TARGET)}...` : text);
}
