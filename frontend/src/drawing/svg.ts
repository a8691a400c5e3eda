/** Selectors and SVG elements that store shapes: how they are written and read. */

import type { Selector } from "../api/types";
import type { Bounds, Points } from "./plane";

const SVG = "http://www.w3.org/2000/svg";
const MEDIA_FRAGMENTS = "http://www.w3.org/TR/media-frags/";
/** Straight pieces in place of a curve that something else than this page has drawn. */
const PIECES = 16;

/** The selector that holds an SVG element. */
export function svgSelector(element: string): Selector {
  return { type: "SvgSelector", value: `<svg xmlns="${SVG}">${element}</svg>` };
}

/** The selector of a box. */
export function boxSelector({ x, y, width, height }: Bounds): Selector {
  return {
    type: "FragmentSelector",
    conformsTo: MEDIA_FRAGMENTS,
    value: `xywh=pixel:${x},${y},${width},${height}`,
  };
}

/** An attribute of an SVG element as a number. */
export function number(element: Element, name: string): number {
  return Number(element.getAttribute(name));
}

/** The points as they stand in SVG. */
export function pairs(points: Points): string[] {
  const written: string[] = [];
  for (let index = 0; index < points.length; index += 2)
    written.push(`${points[index]},${points[index + 1]}`);
  return written;
}

/** The numbers in a text, in their order. */
export function numbers(text: string): number[] {
  return (text.match(/-?\d+(?:\.\d+)?/g) ?? []).map(Number);
}

/** The points of a path with absolute commands, its curves as straight pieces. */
export function flattened(course: string): number[] {
  const points: number[] = [];
  const controlsOf: Record<string, number> = { M: 1, L: 1, Q: 2, C: 3 };
  for (const [, command = "", rest = ""] of course.matchAll(/([MLCQZ])([^MLCQZ]*)/g)) {
    const given = numbers(rest);
    const step = 2 * (controlsOf[command] ?? 1);
    for (let start = 0; start + step <= given.length; start += step) {
      const controls = given.slice(start, start + step);
      if (step === 2) points.push(...controls);
      else {
        const all = [...points.slice(-2), ...controls];
        for (let piece = 1; piece <= PIECES; piece++) points.push(...onCurve(all, piece / PIECES));
      }
    }
  }
  return points;
}

/** The point of a Bézier curve at a share of its course, 0 to 1, by de Casteljau's construction. */
function onCurve(controls: number[], share: number): number[] {
  if (controls.length === 2) return controls.map((value) => Math.round(value * 100) / 100);
  const next: number[] = [];
  for (let index = 0; index + 2 < controls.length; index++) {
    next.push(controls[index]! + (controls[index + 2]! - controls[index]!) * share);
  }
  return onCurve(next, share);
}
