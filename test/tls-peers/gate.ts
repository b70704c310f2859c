/** Lets so many of those who come do their work at once; the others wait in the order in which they came. */
export function gate(limit: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let working = 0;
  return async (work) => {
    if (working === limit) await new Promise<void>((resolve) => waiting.push(resolve));
    else working++;
    try {
      return await work();
    } finally {
      // Whoever comes next takes this place over.
      const next = waiting.shift();
      if (next === undefined) working--;
      else next();
    }
  };
}
