/** Moves and reshapes geometries by their handles. No result leaves the scan. */

import {
  type Bounds,
  boundsOf,
  boxBetween,
  clamp,
  ellipseIn,
  type Geometry,
  round,
  type Size,
} from "./shapes";

export interface Handle {
  x: number;
  y: number;
  /** An existing corner or end, or the middle of an edge, from which a new vertex can be pulled. */
  role: "vertex" | "new";
}

/** The handles of a geometry, in the order that `moveHandle` counts. */
export function handlesOf(geometry: Geometry): Handle[] {
  switch (geometry.kind) {
    case "box":
    case "ellipse":
      return corners(boundsOf(geometry)).map(([x, y]) => ({ x, y, role: "vertex" }));
    case "point":
      return [{ x: geometry.x, y: geometry.y, role: "vertex" }];
    case "caliper":
      return [
        { x: geometry.x1, y: geometry.y1, role: "vertex" },
        { x: geometry.x2, y: geometry.y2, role: "vertex" },
      ];
    default: {
      const { points } = geometry;
      const count = points.length / 2;
      const vertices: Handle[] = [];
      const edges: Handle[] = [];
      const closed = geometry.kind === "polygon" || geometry.closed;
      for (let index = 0; index < count; index++) {
        const [x, y] = [points[2 * index]!, points[2 * index + 1]!];
        vertices.push({ x, y, role: "vertex" });
        if (index === count - 1 && !closed) continue;
        const next = (index + 1) % count;
        edges.push({ x: (x + points[2 * next]!) / 2, y: (y + points[2 * next + 1]!) / 2, role: "new" });
      }
      return [...vertices, ...edges];
    }
  }
}

/** The geometry with a handle at another place; as it was where it would cover nothing. */
export function moveHandle(geometry: Geometry, index: number, x: number, y: number, size: Size): Geometry {
  x = clamp(x, size.width);
  y = clamp(y, size.height);
  switch (geometry.kind) {
    case "box":
    case "ellipse": {
      const box = resized(boundsOf(geometry), index, x, y);
      if (!box) return geometry;
      return geometry.kind === "box" ? { kind: "box", ...box } : ellipseIn(box);
    }
    case "point":
      return { kind: "point", x, y };
    case "caliper":
      return index === 0 ? { ...geometry, x1: x, y1: y } : { ...geometry, x2: x, y2: y };
    default:
      return { ...geometry, points: geometry.points.toSpliced(2 * index, 2, x, y) };
  }
}

/** With a new vertex in the middle of an edge; edges are counted from the first vertex on. */
export function withVertex(geometry: Geometry, edge: number): Geometry {
  if (geometry.kind !== "polygon" && geometry.kind !== "freehand") return geometry;
  const vertices = geometry.points.length / 2;
  const middle = handlesOf(geometry)[vertices + edge];
  if (!middle) return geometry;
  return {
    ...geometry,
    points: geometry.points.toSpliced(2 * (edge + 1), 0, round(middle.x), round(middle.y)),
  };
}

/** Without a vertex; null when too few would be left. */
export function withoutVertex(geometry: Geometry, index: number): Geometry | null {
  if (geometry.kind !== "polygon" && geometry.kind !== "freehand") return null;
  const needed = geometry.kind === "polygon" || geometry.closed ? 3 : 2;
  if (geometry.points.length / 2 <= needed) return null;
  return { ...geometry, points: geometry.points.toSpliced(2 * index, 2) };
}

/** The geometry moved by so many pixels, as far as the scan goes. */
export function moved(geometry: Geometry, dx: number, dy: number, size: Size): Geometry {
  const bounds = boundsOf(geometry);
  dx = round(Math.min(Math.max(dx, -bounds.x), size.width - bounds.x - bounds.width));
  dy = round(Math.min(Math.max(dy, -bounds.y), size.height - bounds.y - bounds.height));
  const across = (x: number) => clamp(x + dx, size.width);
  const down = (y: number) => clamp(y + dy, size.height);
  switch (geometry.kind) {
    case "caliper":
      return {
        kind: "caliper",
        x1: across(geometry.x1),
        y1: down(geometry.y1),
        x2: across(geometry.x2),
        y2: down(geometry.y2),
      };
    case "polygon":
    case "freehand": {
      const points = geometry.points.map((value, index) => (index % 2 ? down(value) : across(value)));
      return { ...geometry, points };
    }
    default:
      return { ...geometry, x: across(geometry.x), y: down(geometry.y) };
  }
}

/** The points of a line without those that lie within `tolerance` pixels of it (Douglas and Peucker 1973). */
export function simplified(points: readonly number[], tolerance: number): number[] {
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

function distanceToLine(points: readonly number[], index: number, first: number, last: number): number {
  const [x, y] = [points[2 * index]!, points[2 * index + 1]!];
  const [x1, y1] = [points[2 * first]!, points[2 * first + 1]!];
  const [dx, dy] = [points[2 * last]! - x1, points[2 * last + 1]! - y1];
  const length = dx * dx + dy * dy;
  const share = length ? Math.min(Math.max(((x - x1) * dx + (y - y1) * dy) / length, 0), 1) : 0;
  return Math.hypot(x - x1 - share * dx, y - y1 - share * dy);
}

/** The corners and the middles of the edges, clockwise from the upper left corner. */
function corners({ x, y, width, height }: Bounds): [number, number][] {
  const [middle, right, centre, lower] = [x + width / 2, x + width, y + height / 2, y + height];
  return [
    [x, y],
    [middle, y],
    [right, y],
    [right, centre],
    [right, lower],
    [middle, lower],
    [x, lower],
    [x, centre],
  ];
}

function resized(box: Bounds, corner: number, x: number, y: number): Bounds | null {
  let [left, top, right, bottom] = [box.x, box.y, box.x + box.width, box.y + box.height];
  if ([0, 6, 7].includes(corner)) left = x;
  if ([2, 3, 4].includes(corner)) right = x;
  if ([0, 1, 2].includes(corner)) top = y;
  if ([4, 5, 6].includes(corner)) bottom = y;
  return boxBetween(left, top, right, bottom);
}
