/** The heat maps of all B-scans as one picture on the en-face image: for each line, how strongly each column was looked at. */

import type { Ground, Line } from "./places";

/** For each column of a heat map, its strongest value, 0 to 255. */
export function columnsOf({ data, width, height }: ImageData): Uint8Array {
  const strongest = new Uint8Array(width);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const value = data[4 * (y * width + x)]!;
      if (value > strongest[x]!) strongest[x] = value;
    }
  }
  return strongest;
}

/** Part of the map: a strip along a B-scan's line that reaches half-way to its neighbours. */
export interface Strip {
  line: Line;
  /** Across the line, in pixels of the en-face image. */
  thickness: number;
}

/** The strips of a ground's lines, one for each; null for a B-scan without a line. */
export function stripsOf({ lines, height }: Ground): (Strip | null)[] {
  return lines.map((line, index) => {
    if (!line) return null;
    const gaps = [lines[index - 1], lines[index + 1]]
      .filter((beside): beside is Line => beside !== null && beside !== undefined)
      .map((beside) => gapBetween(line, beside));
    const gap = gaps.length > 0 ? Math.min(...gaps) : height / 20;
    return { line, thickness: Math.max(gap, 1) };
  });
}

function gapBetween(one: Line, other: Line): number {
  const middle = ([x0, y0, x1, y1]: Line) => [(x0 + x1) / 2, (y0 + y1) / 2] as const;
  const [[ax, ay], [bx, by]] = [middle(one), middle(other)];
  const [dx, dy] = [one[2] - one[0], one[3] - one[1]];
  const length = Math.hypot(dx, dy) || 1;
  // Across the line: B-scans of a radial pattern meet in their middle, where this is nothing.
  return Math.abs((bx - ax) * (-dy / length) + (by - ay) * (dx / length));
}
