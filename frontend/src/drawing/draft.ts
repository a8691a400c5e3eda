/** What is being drawn right now, from its first point to the finished shape. */

import { type Geometry, type Kind, KINDS } from "./kinds";

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

export function start(tool: Kind, x: number, y: number): Drawn {
  return { tool, points: [x, y], x, y };
}

/** The pointer has moved; a freehand line takes each of its places. */
export function follow(drawn: Drawn, x: number, y: number): Drawn {
  const points = KINDS[drawn.tool].drawnBy === "line" ? [...drawn.points, x, y] : drawn.points;
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
  const { drawnBy, from } = KINDS[tool];
  if (drawnBy === "click") return from([x, y]);
  return from(drawnBy === "drag" ? [...points.slice(0, 2), x, y] : points);
}
