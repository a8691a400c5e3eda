// @vitest-environment jsdom

import { describe, expect, it } from "vitest";

import type { Geometry } from "./kinds";
import { fromSelector, toSelector } from "./w3c";

const DRAWN: Geometry[] = [
  { kind: "box", x: 10.25, y: 20, width: 30.5, height: 40.01 },
  { kind: "ellipse", x: 100, y: 90.5, rx: 12.34, ry: 5 },
  { kind: "polygon", points: [0, 0, 511.99, 0, 300, 495.5] },
  { kind: "freehand", points: [1.5, 2.25, 3, 4, 5.75, 6], closed: true },
  { kind: "freehand", points: [1.5, 2.25, 3, 4, 5.75, 6], closed: false },
  { kind: "point", x: 17.42, y: 3 },
  { kind: "caliper", x1: 0, y1: 12.5, x2: 80.25, y2: 12.5 },
];

describe("a shape as a W3C selector", () => {
  it.each(DRAWN)("comes back as it was: $kind", (geometry) => {
    expect(fromSelector(toSelector(geometry))).toEqual(geometry);
  });

  it("shows what other tools have drawn", () => {
    const svg = (element: string) => ({
      type: "SvgSelector" as const,
      value: `<svg xmlns="http://www.w3.org/2000/svg">${element}</svg>`,
    });
    expect(fromSelector(svg('<rect x="1" y="2" width="3" height="4"/>'))?.kind).toBe("box");
    expect(fromSelector(svg('<circle cx="9" cy="9" r="8"/>'))).toEqual({
      kind: "ellipse",
      x: 9,
      y: 9,
      rx: 8,
      ry: 8,
    });
    expect(fromSelector(svg('<polyline points="1,2 3,4"/>'))).toMatchObject({
      kind: "freehand",
      closed: false,
    });
  });

  it("makes straight pieces of a curve, from its first point to its last", () => {
    const value = '<svg xmlns="http://www.w3.org/2000/svg"><path d="M 0,0 Q 50,100 100,0"/></svg>';
    const geometry = fromSelector({ type: "SvgSelector", value });
    if (geometry?.kind !== "freehand") throw new Error("no freehand line");
    expect(geometry.points.slice(0, 2)).toEqual([0, 0]);
    expect(geometry.points.slice(-2)).toEqual([100, 0]);
    // The middle of a quadratic curve lies half as high as its control point.
    expect(Math.max(...geometry.points.filter((_, index) => index % 2))).toBeCloseTo(50);
  });

  it("is nothing where there is nothing to show", () => {
    expect(fromSelector({ type: "SvgSelector", value: "<svg/>" })).toBeNull();
    expect(fromSelector({ type: "FragmentSelector", value: "t=10,20" })).toBeNull();
  });
});
