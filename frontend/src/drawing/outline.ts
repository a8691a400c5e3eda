/** What lies under a pointer. */

import { boundsOf, outlineOf } from "./kinds";
import type { Outline, Points } from "./plane";
import type { Shape } from "./shapes";

/** The shape under a place: the one with the nearest line within `reach` pixels, else the smallest around it. */
export function shapeAt(shapes: readonly Shape[], x: number, y: number, reach: number): Shape | null {
  let nearest: Shape | null = null;
  let distance = reach;
  let around: Shape | null = null;
  let area = Infinity;
  for (const shape of shapes) {
    const outline = outlineOf(shape.geometry);
    const away = distanceTo(outline, x, y);
    if (away <= distance) [nearest, distance] = [shape, away];
    if (!outline.closed || !isInside(outline.points, x, y)) continue;
    const { width, height } = boundsOf(shape.geometry);
    if (width * height < area) [around, area] = [shape, width * height];
  }
  return nearest ?? around;
}

function distanceTo({ points, closed }: Outline, x: number, y: number): number {
  const count = points.length / 2;
  let least = Infinity;
  for (let index = 0; index < count; index++) {
    const next = index + 1 < count ? index + 1 : closed ? 0 : index;
    const [x1, y1] = [points[2 * index]!, points[2 * index + 1]!];
    const [dx, dy] = [points[2 * next]! - x1, points[2 * next + 1]! - y1];
    const length = dx * dx + dy * dy;
    const share = length ? Math.min(Math.max(((x - x1) * dx + (y - y1) * dy) / length, 0), 1) : 0;
    least = Math.min(least, Math.hypot(x - x1 - share * dx, y - y1 - share * dy));
  }
  return least;
}

/** By how often a line to the left crosses the edge. */
function isInside(points: Points, x: number, y: number): boolean {
  let inside = false;
  for (let index = 0, before = points.length - 2; index < points.length; before = index, index += 2) {
    const [x1, y1, x2, y2] = [points[index]!, points[index + 1]!, points[before]!, points[before + 1]!];
    if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) inside = !inside;
  }
  return inside;
}
