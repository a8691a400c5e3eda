/**
 * The kinds of shapes that are drawn on a scan. One record for each: its tool, how it is drawn, changed, stored, read
 * and measured. All coordinates are pixels of the scan, with at most two decimals.
 */

import { IconCircle, IconPlus, IconPolygon, IconRuler2, IconScribble, IconSquare } from "@tabler/icons-react";

import type { Selector } from "../api/types";
import { texts } from "../texts";
import { areaOf, inWords } from "./area";
import {
  around,
  type Bounds,
  boxBetween,
  lengthOf,
  type Outline,
  type Points,
  round,
  type Scale,
  simplified,
  withoutRepeats,
} from "./plane";
import { boxSelector, flattened, number, numbers, pairs, svgSelector } from "./svg";

export type Geometry =
  | { readonly kind: "box"; x: number; y: number; width: number; height: number }
  /** x and y are the middle. */
  | { readonly kind: "ellipse"; x: number; y: number; rx: number; ry: number }
  | { readonly kind: "polygon"; points: Points }
  | { readonly kind: "freehand"; points: Points; closed: boolean }
  | { readonly kind: "point"; x: number; y: number }
  | { readonly kind: "caliper"; x1: number; y1: number; x2: number; y2: number };

/** The words of the API, too: see webapp/annotations/shapes.py. */
export type Kind = Geometry["kind"];

interface Common<G extends Geometry> {
  kind: G["kind"];
  /** Of its tool: the key, a capital letter, and the picture. */
  key: string;
  Icon: typeof IconSquare;
  /** By one click, from corner to corner, by corner after corner, or along the pointer's way. */
  drawnBy: "click" | "drag" | "corners" | "line";
  /** The geometry of the points that were drawn; null as long as it would be nothing. */
  from: (points: Points) => G | null;
  /** The selector that stores it, mostly of an SVG element. */
  selector: (geometry: G) => Selector;
  /** By the name of an SVG element, what it stores; null where that is another kind. */
  read: Readonly<Record<string, (element: Element) => G | null>>;
  /** What it measures, in words; without it, its area where it encloses one. */
  measure?: (geometry: G, scale: Scale) => string;
}

/** A kind that is given by its corners or ends. */
interface ByVertices<G extends Geometry> extends Common<G> {
  vertices: (geometry: G) => Points;
  withVertices: (geometry: G, points: Points) => G;
  isClosed: (geometry: G) => boolean;
  /** How many vertices it needs; without it none are added or taken away. */
  fewest?: (geometry: G) => number;
}

/** A kind that fills a box, by whose corners and edges it is taken hold of. */
interface ByBox<G extends Geometry> extends Common<G> {
  box: (geometry: G) => Bounds;
  inBox: (box: Bounds) => G;
  /** Moved, by what becomes of a coordinate across and of one down. */
  shifted: (geometry: G, across: (x: number) => number, down: (y: number) => number) => G;
  outline: (geometry: G) => Points;
}

type KindRecord<G extends Geometry> = ByVertices<G> | ByBox<G>;

/** A point is kept as a circle of this radius. */
const POINT_RADIUS = 3;
/** A freehand line whose ends come this near, in pixels of the scan, is closed. */
const CLOSING_DISTANCE = 12;
/** How far a freehand line may lie from what was drawn, in pixels of the scan. */
const TOLERANCE = 0.6;
const PIECES_OF_AN_ELLIPSE = 72;

const box: ByBox<Of<"box">> = {
  kind: "box",
  key: "R",
  Icon: IconSquare,
  drawnBy: "drag",
  from: ([x1 = 0, y1 = 0, x2 = 0, y2 = 0]) => {
    const bounds = boxBetween(x1, y1, x2, y2);
    return bounds && box.inBox(bounds);
  },
  selector: boxSelector,
  read: {
    rect: (element) => ({
      kind: "box",
      x: number(element, "x"),
      y: number(element, "y"),
      width: number(element, "width"),
      height: number(element, "height"),
    }),
  },
  box: (geometry) => geometry,
  inBox: (bounds) => ({ kind: "box", ...bounds }),
  shifted: (geometry, across, down) => ({ ...geometry, x: across(geometry.x), y: down(geometry.y) }),
  outline: ({ x, y, width, height }) => [x, y, x + width, y, x + width, y + height, x, y + height],
};

const ellipse: ByBox<Of<"ellipse">> = {
  kind: "ellipse",
  key: "E",
  Icon: IconCircle,
  drawnBy: "drag",
  from: ([x1 = 0, y1 = 0, x2 = 0, y2 = 0]) => {
    const bounds = boxBetween(x1, y1, x2, y2);
    return bounds && ellipse.inBox(bounds);
  },
  selector: ({ x, y, rx, ry }) => svgSelector(`<ellipse cx="${x}" cy="${y}" rx="${rx}" ry="${ry}"/>`),
  read: {
    ellipse: (element) => ellipseOf(element, "rx", "ry"),
    circle: (element) => (isPoint(element) ? null : ellipseOf(element, "r", "r")),
  },
  box: ({ x, y, rx, ry }) => ({ x: x - rx, y: y - ry, width: 2 * rx, height: 2 * ry }),
  inBox: ({ x, y, width, height }) => {
    const rx = Math.floor(width * 50) / 100;
    const ry = Math.floor(height * 50) / 100;
    return { kind: "ellipse", x: round(x + rx), y: round(y + ry), rx, ry };
  },
  shifted: (geometry, across, down) => ({ ...geometry, x: across(geometry.x), y: down(geometry.y) }),
  outline: ({ x, y, rx, ry }) =>
    Array.from({ length: PIECES_OF_AN_ELLIPSE }, (_, piece) => {
      const angle = (2 * Math.PI * piece) / PIECES_OF_AN_ELLIPSE;
      return [x + rx * Math.cos(angle), y + ry * Math.sin(angle)];
    }).flat(),
};

const polygon: ByVertices<Of<"polygon">> = {
  kind: "polygon",
  key: "P",
  Icon: IconPolygon,
  drawnBy: "corners",
  from: (points) => {
    const vertices = withoutRepeats(points);
    return vertices.length < 6 ? null : { kind: "polygon", points: vertices.map(round) };
  },
  selector: ({ points }) => svgSelector(`<polygon points="${pairs(points).join(" ")}"/>`),
  read: {
    polygon: (element) => ({ kind: "polygon", points: numbers(element.getAttribute("points") ?? "") }),
  },
  vertices: ({ points }) => points,
  withVertices: (_, points) => ({ kind: "polygon", points }),
  isClosed: () => true,
  fewest: () => 3,
};

const freehand: ByVertices<Of<"freehand">> = {
  kind: "freehand",
  key: "F",
  Icon: IconScribble,
  drawnBy: "line",
  from: (points) => {
    const line = simplified(points, TOLERANCE).map(round);
    if (line.length < 4) return null;
    const gap = Math.hypot(line.at(-2)! - points[0]!, line.at(-1)! - points[1]!);
    return { kind: "freehand", points: line, closed: line.length >= 8 && gap <= CLOSING_DISTANCE };
  },
  selector: ({ points, closed }) =>
    svgSelector(`<path d="M ${pairs(points).join(" L ")}${closed ? " Z" : ""}"/>`),
  read: {
    polyline: (element) => ({
      kind: "freehand",
      points: numbers(element.getAttribute("points") ?? ""),
      closed: false,
    }),
    path: (element) => {
      const course = element.getAttribute("d") ?? "";
      return { kind: "freehand", points: flattened(course), closed: course.trim().endsWith("Z") };
    },
  },
  vertices: ({ points }) => points,
  withVertices: (geometry, points) => ({ ...geometry, points }),
  isClosed: ({ closed }) => closed,
  fewest: ({ closed }) => (closed ? 3 : 2),
};

const point: ByVertices<Of<"point">> = {
  kind: "point",
  key: "O",
  Icon: IconPlus,
  drawnBy: "click",
  from: ([x = 0, y = 0]) => ({ kind: "point", x: round(x), y: round(y) }),
  selector: ({ x, y }) => svgSelector(`<circle cx="${x}" cy="${y}" r="${POINT_RADIUS}"/>`),
  read: {
    circle: (element) =>
      isPoint(element) ? { kind: "point", x: number(element, "cx"), y: number(element, "cy") } : null,
  },
  vertices: ({ x, y }) => [x, y],
  withVertices: (_, [x = 0, y = 0]) => ({ kind: "point", x, y }),
  isClosed: () => false,
};

const caliper: ByVertices<Of<"caliper">> = {
  kind: "caliper",
  key: "C",
  Icon: IconRuler2,
  drawnBy: "drag",
  from: ([x1 = 0, y1 = 0, x2 = 0, y2 = 0]) =>
    Math.hypot(x2 - x1, y2 - y1) < 1
      ? null
      : { kind: "caliper", x1: round(x1), y1: round(y1), x2: round(x2), y2: round(y2) },
  selector: ({ x1, y1, x2, y2 }) => svgSelector(`<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}"/>`),
  read: {
    line: (element) => ({
      kind: "caliper",
      x1: number(element, "x1"),
      y1: number(element, "y1"),
      x2: number(element, "x2"),
      y2: number(element, "y2"),
    }),
  },
  vertices: ({ x1, y1, x2, y2 }) => [x1, y1, x2, y2],
  withVertices: (_, [x1 = 0, y1 = 0, x2 = 0, y2 = 0]) => ({ kind: "caliper", x1, y1, x2, y2 }),
  isClosed: () => false,
  measure: (geometry, scale) =>
    texts.drawing.length({ ...lengthOf(geometry, scale), unit: scale.units?.size_unit }),
};

type Of<K extends Kind> = Extract<Geometry, { readonly kind: K }>;

/** In the order of the tools. Where elements of one name store several kinds, the first that takes one has it. */
export const KINDS: { readonly [K in Kind]: KindRecord<Of<K>> } = {
  box,
  ellipse,
  polygon,
  freehand,
  point,
  caliper,
};

/** The record of a geometry's kind, to be given geometries of that kind alone. */
export function kindOf(geometry: Geometry): KindRecord<Geometry> {
  return KINDS[geometry.kind] as unknown as KindRecord<Geometry>;
}

/** The smallest upright box around a geometry. */
export function boundsOf(geometry: Geometry): Bounds {
  const kind = kindOf(geometry);
  return "box" in kind ? kind.box(geometry) : around(kind.vertices(geometry));
}

/** The line around a geometry, or the one that it is. */
export function outlineOf(geometry: Geometry): Outline {
  const kind = kindOf(geometry);
  if ("box" in kind) return { points: kind.outline(geometry), closed: true };
  return { points: kind.vertices(geometry), closed: kind.isClosed(geometry) };
}

/** What a geometry measures, in words: its length or its area; empty where it measures nothing. */
export function measureOf(geometry: Geometry, scale: Scale): string {
  const own = kindOf(geometry).measure?.(geometry, scale);
  if (own !== undefined) return own;
  const area = areaIn(geometry, scale);
  return area ? inWords(area, scale.units) : "";
}

/** The areas of geometries, which are never changed, at the scale for which they were found last. */
const areas = new WeakMap<Geometry, { scale: Scale; area: ReturnType<typeof areaOf> }>();

function areaIn(geometry: Geometry, scale: Scale): ReturnType<typeof areaOf> {
  const known = areas.get(geometry);
  if (known && isSameScale(known.scale, scale)) return known.area;
  const area = areaOf(outlineOf(geometry), scale);
  areas.set(geometry, { scale, area });
  return area;
}

function isSameScale(one: Scale, other: Scale): boolean {
  return one.micrometres_x === other.micrometres_x && one.micrometres_y === other.micrometres_y;
}

function isPoint(circle: Element): boolean {
  return number(circle, "r") <= POINT_RADIUS;
}

function ellipseOf(element: Element, across: string, down: string): Of<"ellipse"> {
  const [x, y] = [number(element, "cx"), number(element, "cy")];
  return { kind: "ellipse", x, y, rx: number(element, across), ry: number(element, down) };
}
