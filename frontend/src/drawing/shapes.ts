/** What can be drawn on a scan. All coordinates are pixels of the scan, with at most two decimals. */

/** x and y after one another. */
export type Points = readonly number[];

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

export interface Shape {
  /** Names the shape in this page, from its first moment on; the server's id comes later. */
  readonly key: string;
  readonly geometry: Geometry;
  readonly label: string;
  readonly comment: string;
}

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

export function newShape(geometry: Geometry, label = "", comment = ""): Shape {
  return { key: newKey(), geometry, label, comment };
}

/** `crypto.randomUUID` exists only where the page comes over TLS or from this machine. */
export function newKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}

export function round(value: number): number {
  return Math.round(value * 100) / 100;
}

/** The nearest value on the scan, its edges included. */
export function clamp(value: number, end: number): number {
  return round(Math.min(Math.max(value, 0), end));
}

/** Whether two shapes have the same geometry, label and comment. */
export function sameContent(first: Shape, second: Shape): boolean {
  return (
    first.label === second.label &&
    first.comment === second.comment &&
    JSON.stringify(first.geometry) === JSON.stringify(second.geometry)
  );
}

/** The smallest upright box around a geometry. */
export function boundsOf(geometry: Geometry): Bounds {
  switch (geometry.kind) {
    case "box":
      return geometry;
    case "ellipse":
      return {
        x: geometry.x - geometry.rx,
        y: geometry.y - geometry.ry,
        width: 2 * geometry.rx,
        height: 2 * geometry.ry,
      };
    case "point":
      return { x: geometry.x, y: geometry.y, width: 0, height: 0 };
    case "caliper":
      return around([geometry.x1, geometry.y1, geometry.x2, geometry.y2]);
    default:
      return around(geometry.points);
  }
}

function around(points: Points): Bounds {
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

/** The ellipse that fills a box. */
export function ellipseIn(box: Bounds): Geometry {
  const rx = Math.floor(box.width * 50) / 100;
  const ry = Math.floor(box.height * 50) / 100;
  return { kind: "ellipse", x: round(box.x + rx), y: round(box.y + ry), rx, ry };
}

/** Length of a caliper in pixels, and in micrometres where the size of a pixel is known. */
export function lengthOf(
  { x1, y1, x2, y2 }: { x1: number; y1: number; x2: number; y2: number },
  scale: { micrometres_x: number | null; micrometres_y: number | null },
): { pixels: number; micrometres: number | null } {
  const pixels = Math.hypot(x2 - x1, y2 - y1);
  const { micrometres_x: across, micrometres_y: down } = scale;
  const micrometres =
    across === null || down === null ? null : Math.hypot((x2 - x1) * across, (y2 - y1) * down);
  return { pixels, micrometres };
}
