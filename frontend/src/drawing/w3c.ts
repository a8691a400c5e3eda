/** Shapes as selectors of W3C Web Annotations, in which the server keeps them, and back. */

import type { Selector } from "../api/types";
import { type Geometry, kindOf, KINDS } from "./kinds";
import { numbers } from "./svg";

/** The selector of a geometry; its numbers come back from the server exactly as they are here. */
export function toSelector(geometry: Geometry): Selector {
  return kindOf(geometry).selector(geometry);
}

/** The geometry of a selector; null for one that can't be shown. */
export function fromSelector(selector: Selector): Geometry | null {
  if (selector.type === "FragmentSelector") {
    const [x, y, width, height] = numbers(selector.value.replace("xywh=pixel:", ""));
    return height === undefined ? null : { kind: "box", x: x!, y: y!, width: width!, height };
  }
  const element = new DOMParser().parseFromString(selector.value, "image/svg+xml").documentElement
    .firstElementChild;
  if (!element) return null;
  for (const { read } of Object.values(KINDS)) {
    const geometry = read[element.localName]?.(element);
    if (geometry) return geometry;
  }
  return null;
}
