import { describe, expect, it } from "vitest";

import { handlesOf, moved, moveHandle, withoutVertex, withVertex } from "./editing";
import type { Geometry } from "./kinds";
import { simplified } from "./plane";

const SCAN = { width: 512, height: 496 };
const BOX: Geometry = { kind: "box", x: 100, y: 100, width: 50, height: 40 };
const TRIANGLE: Geometry = { kind: "polygon", points: [10, 10, 110, 10, 10, 110] };

describe("moving a shape", () => {
  it("moves it by so many pixels", () => {
    expect(moved(BOX, 5, -7.25, SCAN)).toEqual({ ...BOX, x: 105, y: 92.75 });
  });

  it("stops at the edge of the scan and keeps its size", () => {
    expect(moved(BOX, 9999, -9999, SCAN)).toEqual({ ...BOX, x: 462, y: 0 });
    expect(moved(TRIANGLE, -50, 0, SCAN)).toEqual({ kind: "polygon", points: [0, 10, 100, 10, 0, 110] });
  });
});

describe("pulling a handle", () => {
  it("moves two edges of a box with a corner, one with the middle of an edge", () => {
    expect(moveHandle(BOX, 4, 200, 180, SCAN)).toEqual({ ...BOX, width: 100, height: 80 });
    expect(moveHandle(BOX, 1, 0, 90, SCAN)).toEqual({ ...BOX, y: 90, height: 50 });
  });

  it("turns a box over, but never makes it cover nothing", () => {
    expect(moveHandle(BOX, 4, 60, 80, SCAN)).toEqual({ kind: "box", x: 60, y: 80, width: 40, height: 20 });
    expect(moveHandle(BOX, 3, 100, 0, SCAN)).toEqual(BOX);
  });

  it("stays on the scan", () => {
    expect(moveHandle(TRIANGLE, 1, 9999, -5, SCAN)).toEqual({
      kind: "polygon",
      points: [10, 10, 512, 0, 10, 110],
    });
  });
});

describe("the vertices of a polygon", () => {
  it("become more in the middle of an edge", () => {
    const edges = handlesOf(TRIANGLE).filter(({ role }) => role === "new");
    expect(edges).toHaveLength(3);
    expect(withVertex(TRIANGLE, 0)).toEqual({ kind: "polygon", points: [10, 10, 60, 10, 110, 10, 10, 110] });
    expect(withVertex(TRIANGLE, 2)).toEqual({ kind: "polygon", points: [10, 10, 110, 10, 10, 110, 10, 60] });
  });

  it("become fewer, but not fewer than three", () => {
    expect(withoutVertex(withVertex(TRIANGLE, 0), 1)).toEqual(TRIANGLE);
    expect(withoutVertex(TRIANGLE, 0)).toBeNull();
  });
});

describe("a freehand line", () => {
  it("loses the points that lie on it, and keeps its corners", () => {
    const straight = Array.from({ length: 50 }, (_, index) => [index, 0]).flat();
    expect(simplified([...straight, 49, 30], 0.6)).toEqual([0, 0, 49, 0, 49, 30]);
  });
});
