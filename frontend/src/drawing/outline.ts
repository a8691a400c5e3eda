/** The line around a shape, and what lies under a pointer. */

import { boundsOf, type Geometry, type Points, type Shape } from "./shapes";

const PIECES_OF_AN_ELLIPSE = 72;

export interface Outline {
  points: Points;
  closed: boolean;
}

export function outlineOf(geometry: Geometry): Outline {
  switch (geometry.kind) {
    case "box": {
      const { x, y, width, height } = geometry;
      return { points: [x, y, x + width, y, x + width, y + height, x, y + height], closed: true };
    }
    case "ellipse": {
      const points: number[] = [];
      for (let piece = 0; piece < PIECES_OF_AN_ELLIPSE; piece++) {
        const angle = (2 * Math.PI * piece) / PIECES_OF_AN_ELLIPSE;
        points.push(geometry.x + geometry.rx * Math.cos(angle), geometry.y + geometry.ry * Math.sin(angle));
      }
      return { points, closed: true };
    }
    case "polygon":
      return { points: geometry.points, closed: true };
    case "freehand":
      return { points: geometry.points, closed: geometry.closed };
    case "point":
      return { points: [geometry.x, geometry.y], closed: false };
    case "caliper":
      return { points: [geometry.x1, geometry.y1, geometry.x2, geometry.y2], closed: false };
  }
}

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
