/**
 * Text for HTML, in element content and in quoted attributes: ASCII only, so that it means the same in every charset.
 */
export function escapeHtml(text: string): string {
  let escaped = '';
  for (const character of text) {
    const code = character.codePointAt(0)!;
    if (code < 0x20 || code === 0x7f) escaped += ' ';
    else if (code > 0x7e || '&<>"\''.includes(character)) escaped += `&#${code};`;
    else escaped += character;
  }
  return escaped;
}
