import { describe, expect, it } from "vitest";

import { shapeAt } from "./outline";
import { type Geometry, outlineOf } from "./kinds";
import { newShape } from "./shapes";

const LARGE = newShape({ kind: "box", x: 0, y: 0, width: 200, height: 200 });
const SMALL = newShape({ kind: "ellipse", x: 100, y: 100, rx: 30, ry: 20 });
const LINE = newShape({ kind: "caliper", x1: 0, y1: 100, x2: 200, y2: 100 });

describe("the shape under a pointer", () => {
  it.each([
    ["the smallest around the place", [100, 90], SMALL],
    ["the only one around it", [10, 10], LARGE],
    ["one whose line is near, before those around it", [100, 103], LINE],
    ["one whose edge is near from outside", [204, 50], LARGE],
  ] as const)("is %s", (_, [x, y], shape) => expect(shapeAt([LARGE, SMALL, LINE], x, y, 5)).toBe(shape));

  it("is none where nothing is near", () => {
    expect(shapeAt([LARGE, SMALL, LINE], 210, 50, 5)).toBeNull();
  });

  it("is none inside an open line", () => {
    const open = newShape({ kind: "freehand", points: [0, 0, 100, 0, 100, 100], closed: false });
    expect(shapeAt([open], 70, 30, 5)).toBeNull();
    expect(shapeAt([open], 50, 4, 5)).toBe(open);
  });
});

describe("the line around an ellipse", () => {
  it("lies on it all the way", () => {
    const ellipse: Geometry = { kind: "ellipse", x: 10, y: 20, rx: 8, ry: 4 };
    const { points, closed } = outlineOf(ellipse);
    expect(closed).toBe(true);
    for (let index = 0; index < points.length; index += 2) {
      const [x, y] = [points[index]!, points[index + 1]!];
      expect(((x - 10) / 8) ** 2 + ((y - 20) / 4) ** 2).toBeCloseTo(1);
    }
  });
});
