/** Results as lines of text. A column that has words in it begins on the left; numbers end on the right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)));
  const align = (cell: string, i: number): string =>
    isText(rows, i) ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!);
  return [head, ...rows].map((row) => row.map(align).join('  ').trimEnd()).join('\n');
}

export function isText(rows: readonly (readonly string[])[], column: number): boolean {
  return rows.some((row) => /[a-z]/i.test(row[column]!));
}
