/** Outlines of what the cells of a map show. */

/** Closed rings, each x and y in turn, in cells from the map's upper left corner. */
export type Rings = number[][];

/** Grey values of a map, row by row. */
export interface Cells {
  values: ArrayLike<number>;
  columns: number;
  rows: number;
}

/** The rings round the cells of a value, rings round what is left out within them among these, with soft corners. */
export function ringsOf({ values, columns, rows }: Cells, value: number): Rings {
  const inside = (x: number, y: number) =>
    x >= 0 && y >= 0 && x < columns && y < rows && values[y * columns + x] === value;
  // Each edge between inside and outside, from its first corner to its second, with the inside on its right.
  const edges = new Map<number, number[]>();
  const corner = (x: number, y: number) => y * (columns + 1) + x;
  const add = (from: number, to: number) => edges.set(from, [...(edges.get(from) ?? []), to]);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      if (!inside(x, y)) continue;
      if (!inside(x, y - 1)) add(corner(x, y), corner(x + 1, y));
      if (!inside(x + 1, y)) add(corner(x + 1, y), corner(x + 1, y + 1));
      if (!inside(x, y + 1)) add(corner(x + 1, y + 1), corner(x, y + 1));
      if (!inside(x - 1, y)) add(corner(x, y + 1), corner(x, y));
    }
  }
  const rings: Rings = [];
  for (let start = edges.keys().next(); !start.done; start = edges.keys().next()) {
    const ring: number[] = [];
    let at = start.value;
    do {
      ring.push(at % (columns + 1), Math.floor(at / (columns + 1)));
      const onwards = edges.get(at)!;
      const next = onwards.pop()!;
      if (onwards.length === 0) edges.delete(at);
      at = next;
    } while (at !== start.value);
    rings.push(softened(softened(ring)));
  }
  return rings;
}

/** Cuts each corner off at a quarter of its sides (G. M. Chaikin, 1974). */
function softened(ring: number[]): number[] {
  const cut: number[] = [];
  for (let index = 0; index < ring.length; index += 2) {
    const next = (index + 2) % ring.length;
    const [x, y, onX, onY] = [ring[index]!, ring[index + 1]!, ring[next]!, ring[next + 1]!];
    cut.push(0.75 * x + 0.25 * onX, 0.75 * y + 0.25 * onY, 0.25 * x + 0.75 * onX, 0.25 * y + 0.75 * onY);
  }
  return cut;
}
