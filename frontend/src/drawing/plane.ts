/** Points, boxes and lines on a scan, of whatever kind of shape. */

import type { Units } from "../common/units";

/** x and y after one another. */
export type Points = readonly number[];

/** A scan's width and height in pixels. */
export interface Size {
  width: number;
  height: number;
}

export interface Bounds {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Outline {
  points: Points;
  closed: boolean;
}

/** The size of a pixel in micrometres; null where it is not known. */
export interface Scale {
  micrometres_x: number | null;
  micrometres_y: number | null;
  /** In which lengths and areas are shown. */
  units?: Units;
}

export function round(value: number): number {
  return Math.round(value * 100) / 100;
}

/** The nearest value on the scan, its edges included. */
export function clamp(value: number, end: number): number {
  return round(Math.min(Math.max(value, 0), end));
}

/** The smallest upright box around some points. */
export function around(points: Points): Bounds {
  const across = points.filter((_, index) => index % 2 === 0);
  const down = points.filter((_, index) => index % 2 === 1);
  const x = Math.min(...across);
  const y = Math.min(...down);
  return { x, y, width: Math.max(...across) - x, height: Math.max(...down) - y };
}

/** The box between two corners, in whichever order they come; null when it would cover nothing. */
export function boxBetween(x1: number, y1: number, x2: number, y2: number): Bounds | null {
  const width = round(Math.abs(x2 - x1));
  const height = round(Math.abs(y2 - y1));
  if (width < 1 || height < 1) return null;
  return { x: round(Math.min(x1, x2)), y: round(Math.min(y1, y2)), width, height };
}

/** The points of a line without those that lie within `tolerance` pixels of it (Douglas and Peucker 1973). */
export function simplified(points: Points, tolerance: number): number[] {
  const kept = new Set([0, points.length / 2 - 1]);
  const open: [number, number][] = [[0, points.length / 2 - 1]];
  for (let span = open.pop(); span; span = open.pop()) {
    const [first, last] = span;
    let [farthest, distance] = [0, 0];
    for (let index = first + 1; index < last; index++) {
      const away = distanceToLine(points, index, first, last);
      if (away > distance) [farthest, distance] = [index, away];
    }
    if (distance <= tolerance) continue;
    kept.add(farthest);
    open.push([first, farthest], [farthest, last]);
  }
  return [...kept].sort((a, b) => a - b).flatMap((index) => [points[2 * index]!, points[2 * index + 1]!]);
}

function distanceToLine(points: Points, index: number, first: number, last: number): number {
  const [x, y] = [points[2 * index]!, points[2 * index + 1]!];
  const [x1, y1] = [points[2 * first]!, points[2 * first + 1]!];
  const [dx, dy] = [points[2 * last]! - x1, points[2 * last + 1]! - y1];
  const length = dx * dx + dy * dy;
  const share = length ? Math.min(Math.max(((x - x1) * dx + (y - y1) * dy) / length, 0), 1) : 0;
  return Math.hypot(x - x1 - share * dx, y - y1 - share * dy);
}

/** The points without those that repeat the one before. */
export function withoutRepeats(points: Points): number[] {
  const kept: number[] = [];
  for (let index = 0; index < points.length; index += 2) {
    const [x, y] = [points[index]!, points[index + 1]!];
    if (kept.at(-2) !== x || kept.at(-1) !== y) kept.push(x, y);
  }
  return kept;
}

/** Length of a caliper in pixels, and in micrometres where the size of a pixel is known. */
export function lengthOf(
  { x1, y1, x2, y2 }: { x1: number; y1: number; x2: number; y2: number },
  scale: Scale,
): { pixels: number; micrometres: number | null } {
  const pixels = Math.hypot(x2 - x1, y2 - y1);
  const { micrometres_x: across, micrometres_y: down } = scale;
  const micrometres =
    across === null || down === null ? null : Math.hypot((x2 - x1) * across, (y2 - y1) * down);
  return { pixels, micrometres };
}
