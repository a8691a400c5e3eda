import { expect, test } from "vitest";

import { CHEST } from "../testing/modalities";
import { areaOf } from "./area";
import { KINDS, measureOf, outlineOf } from "./kinds";

const SCALE = { micrometres_x: 10, micrometres_y: 4 };
const closed = (...points: number[]) => ({ points, closed: true });

test("whole pixels are exact, also where the outline starts elsewhere or goes the other way", () => {
  for (const outline of [closed(0, 0, 20, 0, 20, 10, 0, 10), closed(20, 10, 20, 0, 0, 0, 0, 10)])
    expect(areaOf(outline, SCALE)).toEqual({ squarePixels: 200, squareMillimetres: 0.008 });
});

test("what an outline goes round twice lies outside, as on the server", () => {
  const ring = [
    [100, 100, 200, 100, 200, 200, 100, 200, 100, 100],
    [130, 130, 170, 130, 170, 170, 130, 170, 130, 130],
  ].flat();
  expect(areaOf(closed(...ring), SCALE)?.squarePixels).toBeCloseTo(8400, 0);
});

test("an ellipse comes near to pi times its half axes", () => {
  const outline = outlineOf({ kind: "ellipse", x: 100, y: 100, rx: 50, ry: 30 });
  const found = areaOf(outline, SCALE)!.squarePixels;
  expect(Math.abs(found / (Math.PI * 50 * 30) - 1)).toBeLessThan(0.002);
});

test("open lines, points and calipers enclose nothing", () => {
  expect(areaOf({ points: [0, 0, 5, 5, 9, 0], closed: false }, SCALE)).toBeNull();
  expect(measureOf({ kind: "point", x: 1, y: 1 }, SCALE)).toBe("");
  expect(Object.keys(KINDS)).toContain("caliper");
});

test("a box says its area in mm², or as its modality has it, and in pixels alone where their size is not known", () => {
  const box = { kind: "box", x: 0, y: 0, width: 20, height: 10 } as const;
  expect(measureOf(box, SCALE)).toBe("0.008 mm²");
  expect(measureOf(box, { ...SCALE, micrometres_x: 1000, micrometres_y: 1000, units: CHEST })).toBe("2 cm²");
  expect(measureOf(box, { micrometres_x: null, micrometres_y: null })).toBe("200 px²");
});
