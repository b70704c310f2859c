/** Bytes that look like chance and are the same each time. */
export function numbers(): (count: number) => Uint8Array {
  let state = 7;
  return (count) =>
    Uint8Array.from({ length: count }, () => {
      state = (state * 75 + 74) % 65_537;
      return state & 255;
    });
}
