// @vitest-environment jsdom

import { describe, expect, it } from "vitest";

import { handlesOf, moved, moveHandle } from "./editing";
import { boundsOf, type Geometry, type Kind, KINDS, outlineOf } from "./kinds";
import { fromSelector, toSelector } from "./w3c";

const SCAN = { width: 512, height: 496 };

/** One of each kind: a new kind needs one. */
const EXAMPLES: { [K in Kind]: Extract<Geometry, { kind: K }> } = {
  box: { kind: "box", x: 10, y: 20, width: 30, height: 40 },
  ellipse: { kind: "ellipse", x: 40, y: 50, rx: 20.25, ry: 10.5 },
  polygon: { kind: "polygon", points: [10, 10, 110, 10, 10, 110] },
  freehand: { kind: "freehand", points: [10, 10, 60, 15, 90, 80], closed: false },
  point: { kind: "point", x: 30, y: 40 },
  caliper: { kind: "caliper", x1: 10, y1: 20, x2: 40, y2: 60 },
};

describe.each(Object.values(EXAMPLES))("a shape of the kind $kind", (geometry) => {
  it("is read as it was stored", () => expect(fromSelector(toSelector(geometry))).toEqual(geometry));

  it("is moved as a whole and back, and stays on the scan", () => {
    const there = moved(geometry, 5.25, 7.5, SCAN);
    const [from, to] = [boundsOf(geometry), boundsOf(there)];
    expect([to.x - from.x, to.y - from.y, to.width]).toEqual([5.25, 7.5, from.width]);
    expect(moved(there, -5.25, -7.5, SCAN)).toEqual(geometry);
    expect(boundsOf(moved(geometry, -999, -999, SCAN))).toMatchObject({ x: 0, y: 0 });
  });

  it("is taken hold of at places by which it can be changed", () => {
    const [handle] = handlesOf(geometry);
    expect(moveHandle(geometry, 0, handle!.x, handle!.y, SCAN)).toEqual(geometry);
    expect(moveHandle(geometry, 0, handle!.x - 3, handle!.y - 2, SCAN)).not.toEqual(geometry);
    expect(outlineOf(geometry).points.length % 2).toBe(0);
  });
});

it("has a key of its own for each tool", () => {
  const keys = Object.values(KINDS).map(({ key }) => key);
  expect(new Set([...keys, "V", "H"]).size).toBe(keys.length + 2);
});
