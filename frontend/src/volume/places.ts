/** Where the B-scans of a volume lie on its en-face image, and which of them is meant by a place there. */

/** The line of a B-scan on the en-face image, in its pixels: from the start to the end. */
export type Line = readonly [x0: number, y0: number, x1: number, y1: number];

export interface Ground {
  width: number;
  height: number;
  /** Of each B-scan that is there, in order; null where the file does not say it. */
  lines: readonly (Line | null)[];
}

/** How wide the drawn ground is where nothing says how far apart the B-scans are, in their own widths. */
const SQUARE = 1;

/**
 * The ground on which lines are drawn: the en-face image, or, without one, a rectangle in which the B-scans lie above
 * each other from the last, at the top, to the first, as far apart as they are.
 *
 * @param places of the B-scans that are there, from 0 on
 * @param count of all B-scans, those that are missing included
 * @param width of a B-scan, in pixels
 * @param spacing in micrometres: of a pixel along a B-scan, and between B-scans; null where the file does not say
 */
export function schematicGround(
  places: readonly number[],
  count: number,
  width: number,
  spacing: { x: number | null; between: number | null },
): Ground {
  const share = spacing.x && spacing.between ? (spacing.between * count) / (spacing.x * width) : SQUARE;
  const height = Math.max(1, width * Math.min(Math.max(share, 0.2), 2));
  const lines = places.map((place): Line => {
    const y = height * (1 - (place + 0.5) / count);
    return [0, y, width, y];
  });
  return { width, height, lines };
}

/** Which of the lines is nearest to a place; null without lines. */
export function nearestLine(lines: Ground["lines"], x: number, y: number): number | null {
  let nearest: number | null = null;
  let least = Infinity;
  lines.forEach((line, index) => {
    if (!line) return;
    const distance = distanceTo(line, x, y);
    if (distance < least) [nearest, least] = [index, distance];
  });
  return nearest;
}

function distanceTo([x0, y0, x1, y1]: Line, x: number, y: number): number {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const squared = dx * dx + dy * dy;
  const along = squared === 0 ? 0 : Math.min(Math.max(((x - x0) * dx + (y - y0) * dy) / squared, 0), 1);
  return Math.hypot(x - x0 - along * dx, y - y0 - along * dy);
}
