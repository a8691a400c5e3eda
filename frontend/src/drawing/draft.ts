/** What is being drawn right now, from its first point to the finished shape. */

import { simplified } from "./editing";
import { boxBetween, ellipseIn, type Geometry, type Kind, round } from "./shapes";

/** What the pointer does. */
export type Tool = "select" | "hand" | Kind;

export interface Drawn {
  readonly tool: Kind;
  /** x and y of each point that was set, after one another. */
  readonly points: readonly number[];
  /** Where the pointer is. */
  readonly x: number;
  readonly y: number;
}

/** A freehand line whose ends come this near, in pixels of the scan, is closed. */
const CLOSING_DISTANCE = 12;
const TOLERANCE = 0.6;

export function start(tool: Kind, x: number, y: number): Drawn {
  return { tool, points: [x, y], x, y };
}

/** The pointer has moved; a freehand line takes each of its places. */
export function follow(drawn: Drawn, x: number, y: number): Drawn {
  const points = drawn.tool === "freehand" ? [...drawn.points, x, y] : drawn.points;
  return { ...drawn, points, x, y };
}

/** A polygon gets another vertex. */
export function addVertex(drawn: Drawn, x: number, y: number): Drawn {
  return { ...drawn, points: [...drawn.points, x, y], x, y };
}

/** A polygon loses its last vertex; null when none is left. */
export function dropVertex(drawn: Drawn): Drawn | null {
  const points = drawn.points.slice(0, -2);
  return points.length > 0 ? { ...drawn, points } : null;
}

/** The geometry as it stands; null as long as it would be nothing. */
export function finished({ tool, points, x, y }: Drawn): Geometry | null {
  const [x1 = x, y1 = y] = points;
  switch (tool) {
    case "point":
      return { kind: "point", x: round(x), y: round(y) };
    case "caliper": {
      if (Math.hypot(x - x1, y - y1) < 1) return null;
      return { kind: "caliper", x1: round(x1), y1: round(y1), x2: round(x), y2: round(y) };
    }
    case "box": {
      const box = boxBetween(x1, y1, x, y);
      return box && { kind: "box", ...box };
    }
    case "ellipse": {
      const box = boxBetween(x1, y1, x, y);
      return box && ellipseIn(box);
    }
    case "polygon": {
      const vertices = withoutRepeats(points);
      return vertices.length < 6 ? null : { kind: "polygon", points: vertices.map(round) };
    }
    case "freehand": {
      const line = simplified(points, TOLERANCE).map(round);
      if (line.length < 4) return null;
      const gap = Math.hypot(line.at(-2)! - x1, line.at(-1)! - y1);
      const closed = line.length >= 8 && gap <= CLOSING_DISTANCE;
      return { kind: "freehand", points: line, closed };
    }
  }
}

function withoutRepeats(points: readonly number[]): number[] {
  const kept: number[] = [];
  for (let index = 0; index < points.length; index += 2) {
    const [x, y] = [points[index]!, points[index + 1]!];
    if (kept.at(-2) !== x || kept.at(-1) !== y) kept.push(x, y);
  }
  return kept;
}
