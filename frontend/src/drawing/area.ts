/** How much an outline encloses. What it goes round twice lies outside (the even-odd rule), as on the server. */

import { formatArea, UNKNOWN_UNITS } from "../common/units";
import { texts } from "../texts";
import type { Outline, Points, Scale } from "./plane";

/** So many lines for each pixel, as in webapp/annotations/areas.py; fewer for what is very long. */
const FINEST = 16;
const MOST_CROSSINGS = 2 ** 18;
const SQUARE_MICROMETRES = 1e6;

export interface Area {
  squarePixels: number;
  /** Null where the size of a pixel is not known. */
  squareMillimetres: number | null;
}

/** The area of an outline; null for an open line, which encloses nothing. */
export function areaOf({ points, closed }: Outline, scale: Scale): Area | null {
  if (!closed || points.length < 6) return null;
  const squarePixels = enclosedBy(points);
  return { squarePixels, squareMillimetres: inSquareMillimetres(squarePixels, scale) };
}

/** In the unit of areas where the size of a pixel is known, else in pixels. */
export function inWords({ squarePixels, squareMillimetres }: Area, units = UNKNOWN_UNITS): string {
  return squareMillimetres === null
    ? texts.drawing.squarePixels(String(Math.round(squarePixels)))
    : formatArea(squareMillimetres, units);
}

function inSquareMillimetres(
  squarePixels: number,
  { micrometres_x: across, micrometres_y: down }: Scale,
): number | null {
  return across === null || down === null ? null : (squarePixels * across * down) / SQUARE_MICROMETRES;
}

/** Sampled along horizontal lines: between two crossings of a line with the outline lies what is inside. */
function enclosedBy(points: Points): number {
  const edges = edgesOf(points);
  const travelled = edges.reduce((sum, [, y1, , y2]) => sum + Math.abs(y2 - y1), 0);
  if (travelled === 0) return 0;
  const perPixel = Math.min(FINEST, 2 ** Math.floor(Math.log2(MOST_CROSSINGS / travelled)));
  const crossings = new Map<number, number[]>();
  for (const [x1, y1, x2, y2] of edges) {
    const [top, bottom] = y1 < y2 ? [y1, y2] : [y2, y1];
    const last = Math.ceil(bottom * perPixel - 0.5);
    for (let line = Math.ceil(top * perPixel - 0.5); line < last; line++) {
      const x = x1 + (((line + 0.5) / perPixel - y1) * (x2 - x1)) / (y2 - y1);
      const found = crossings.get(line);
      if (found) found.push(x);
      else crossings.set(line, [x]);
    }
  }
  let length = 0;
  for (const found of crossings.values()) {
    found.sort((a, b) => a - b);
    for (let at = 0; at + 1 < found.length; at += 2) length += found[at + 1]! - found[at]!;
  }
  return length / perPixel;
}

function edgesOf(points: Points): [number, number, number, number][] {
  const count = points.length / 2;
  return Array.from({ length: count }, (_, index) => {
    const next = (index + 1) % count;
    return [points[2 * index]!, points[2 * index + 1]!, points[2 * next]!, points[2 * next + 1]!];
  });
}
