/** Shapes as selectors of W3C Web Annotations, in which the server keeps them, and back. */

import type { Selector } from "../api/types";
import type { Geometry, Points } from "./shapes";

const SVG = "http://www.w3.org/2000/svg";
const MEDIA_FRAGMENTS = "http://www.w3.org/TR/media-frags/";
/** A point is kept as a circle of this radius. */
const POINT_RADIUS = 3;
/** Straight pieces in place of a curve that something else than this page has drawn. */
const PIECES = 16;

/** The selector of a geometry; its numbers come back from the server exactly as they are here. */
export function toSelector(geometry: Geometry): Selector {
  if (geometry.kind === "box") {
    const { x, y, width, height } = geometry;
    return {
      type: "FragmentSelector",
      conformsTo: MEDIA_FRAGMENTS,
      value: `xywh=pixel:${x},${y},${width},${height}`,
    };
  }
  return { type: "SvgSelector", value: `<svg xmlns="${SVG}">${element(geometry)}</svg>` };
}

function element(geometry: Exclude<Geometry, { kind: "box" }>): string {
  switch (geometry.kind) {
    case "ellipse":
      return `<ellipse cx="${geometry.x}" cy="${geometry.y}" rx="${geometry.rx}" ry="${geometry.ry}"/>`;
    case "polygon":
      return `<polygon points="${pairs(geometry.points).join(" ")}"/>`;
    case "freehand":
      return `<path d="M ${pairs(geometry.points).join(" L ")}${geometry.closed ? " Z" : ""}"/>`;
    case "point":
      return `<circle cx="${geometry.x}" cy="${geometry.y}" r="${POINT_RADIUS}"/>`;
    case "caliper":
      return `<line x1="${geometry.x1}" y1="${geometry.y1}" x2="${geometry.x2}" y2="${geometry.y2}"/>`;
  }
}

/** The geometry of a selector; null for one that can't be shown. */
export function fromSelector(selector: Selector): Geometry | null {
  if (selector.type === "FragmentSelector") {
    const [x, y, width, height] = numbers(selector.value.replace("xywh=pixel:", ""));
    return height === undefined ? null : { kind: "box", x: x!, y: y!, width: width!, height };
  }
  const shape = new DOMParser().parseFromString(selector.value, "image/svg+xml").documentElement
    .firstElementChild;
  if (!shape) return null;
  const value = (name: string) => Number(shape.getAttribute(name));
  switch (shape.localName) {
    case "rect":
      return { kind: "box", x: value("x"), y: value("y"), width: value("width"), height: value("height") };
    case "circle":
      if (value("r") <= POINT_RADIUS) return { kind: "point", x: value("cx"), y: value("cy") };
      return { kind: "ellipse", x: value("cx"), y: value("cy"), rx: value("r"), ry: value("r") };
    case "ellipse":
      return { kind: "ellipse", x: value("cx"), y: value("cy"), rx: value("rx"), ry: value("ry") };
    case "line":
      return { kind: "caliper", x1: value("x1"), y1: value("y1"), x2: value("x2"), y2: value("y2") };
    case "polygon":
      return { kind: "polygon", points: numbers(shape.getAttribute("points") ?? "") };
    case "polyline":
      return { kind: "freehand", points: numbers(shape.getAttribute("points") ?? ""), closed: false };
    case "path": {
      const course = shape.getAttribute("d") ?? "";
      return { kind: "freehand", points: flattened(course), closed: course.trim().endsWith("Z") };
    }
    default:
      return null;
  }
}

function pairs(points: Points): string[] {
  const written: string[] = [];
  for (let index = 0; index < points.length; index += 2)
    written.push(`${points[index]},${points[index + 1]}`);
  return written;
}

function numbers(text: string): number[] {
  return (text.match(/-?\d+(?:\.\d+)?/g) ?? []).map(Number);
}

/** The points of a path with absolute commands, its curves as straight pieces. */
function flattened(course: string): number[] {
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
