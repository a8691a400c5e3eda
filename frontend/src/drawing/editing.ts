/** Moves and reshapes geometries by their handles. No result leaves the scan. */

import { boundsOf, type Geometry, kindOf } from "./kinds";
import { type Bounds, boxBetween, clamp, round, type Size } from "./plane";

export interface Handle {
  x: number;
  y: number;
  /** An existing corner or end, or the middle of an edge, from which a new vertex can be pulled. */
  role: "vertex" | "new";
}

/** The handles of a geometry, in the order that `moveHandle` counts. */
export function handlesOf(geometry: Geometry): Handle[] {
  const kind = kindOf(geometry);
  if ("box" in kind) return corners(kind.box(geometry)).map(([x, y]) => ({ x, y, role: "vertex" }));
  const points = kind.vertices(geometry);
  const count = points.length / 2;
  const vertices: Handle[] = [];
  const edges: Handle[] = [];
  for (let index = 0; index < count; index++) {
    const [x, y] = [points[2 * index]!, points[2 * index + 1]!];
    vertices.push({ x, y, role: "vertex" });
    if (!kind.fewest || (index === count - 1 && !kind.isClosed(geometry))) continue;
    const next = (index + 1) % count;
    edges.push({ x: (x + points[2 * next]!) / 2, y: (y + points[2 * next + 1]!) / 2, role: "new" });
  }
  return [...vertices, ...edges];
}

/** The geometry with a handle at another place; as it was where it would cover nothing. */
export function moveHandle(geometry: Geometry, index: number, x: number, y: number, size: Size): Geometry {
  x = clamp(x, size.width);
  y = clamp(y, size.height);
  const kind = kindOf(geometry);
  if (!("box" in kind))
    return kind.withVertices(geometry, kind.vertices(geometry).toSpliced(2 * index, 2, x, y));
  const box = resized(kind.box(geometry), index, x, y);
  return box ? kind.inBox(box) : geometry;
}

/** With a new vertex in the middle of an edge; edges are counted from the first vertex on. */
export function withVertex(geometry: Geometry, edge: number): Geometry {
  const kind = kindOf(geometry);
  if ("box" in kind || !kind.fewest) return geometry;
  const points = kind.vertices(geometry);
  const middle = handlesOf(geometry)[points.length / 2 + edge];
  if (!middle) return geometry;
  return kind.withVertices(geometry, points.toSpliced(2 * (edge + 1), 0, round(middle.x), round(middle.y)));
}

/** Without a vertex; null when too few would be left. */
export function withoutVertex(geometry: Geometry, index: number): Geometry | null {
  const kind = kindOf(geometry);
  if ("box" in kind || !kind.fewest) return null;
  const points = kind.vertices(geometry);
  if (points.length / 2 <= kind.fewest(geometry)) return null;
  return kind.withVertices(geometry, points.toSpliced(2 * index, 2));
}

/** The geometry moved by so many pixels, as far as the scan goes. */
export function moved(geometry: Geometry, dx: number, dy: number, size: Size): Geometry {
  const bounds = boundsOf(geometry);
  dx = round(Math.min(Math.max(dx, -bounds.x), size.width - bounds.x - bounds.width));
  dy = round(Math.min(Math.max(dy, -bounds.y), size.height - bounds.y - bounds.height));
  const across = (x: number) => clamp(x + dx, size.width);
  const down = (y: number) => clamp(y + dy, size.height);
  const kind = kindOf(geometry);
  if ("box" in kind) return kind.shifted(geometry, across, down);
  const points = kind.vertices(geometry).map((value, index) => (index % 2 ? down(value) : across(value)));
  return kind.withVertices(geometry, points);
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
