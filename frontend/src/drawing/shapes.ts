/** A shape that a reader has drawn. */

import type { Geometry } from "./kinds";

export interface Shape {
  /** Names the shape in this page, from its first moment on; the server's id comes later. */
  readonly key: string;
  readonly geometry: Geometry;
  readonly label: string;
  readonly comment: string;
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

/** Whether two shapes have the same geometry, label and comment, which the server keeps trimmed and composed. */
export function sameContent(first: Shape, second: Shape): boolean {
  return (
    first.label === second.label &&
    first.comment.normalize().trim() === second.comment.normalize().trim() &&
    JSON.stringify(first.geometry) === JSON.stringify(second.geometry)
  );
}
