import { expect, test } from "vitest";

import { nearestLine, schematicGround } from "./places";

test("without an en-face image the first B-scan lies at the bottom, as in devices' own prints", () => {
  const { width, height, lines } = schematicGround([0, 1, 2, 3], 4, 100, { x: 10, between: 250 });
  expect([width, height]).toEqual([100, 100]);
  expect(lines[0]).toEqual([0, 87.5, 100, 87.5]);
  expect(lines[3]).toEqual([0, 12.5, 100, 12.5]);
});

test.each([
  [{ x: null, between: 100 }, 100],
  [{ x: 10, between: null }, 100],
  [{ x: 10, between: 1 }, 20],
  [{ x: 10, between: 9000 }, 200],
])("spacing %j gives a ground of height %d that can be looked at", (spacing, height) => {
  expect(schematicGround([0, 1, 2, 3], 4, 100, spacing).height).toBeCloseTo(height);
});

test("a missing B-scan leaves its line out", () => {
  const { lines } = schematicGround([0, 3], 4, 100, { x: 10, between: 250 });
  expect(lines.map((line) => line?.[1])).toEqual([87.5, 12.5]);
});

test("a place belongs to the nearest line, within its ends too", () => {
  const lines = [[0, 0, 10, 0] as const, null, [0, 20, 10, 20] as const];
  expect(nearestLine(lines, 5, 4)).toBe(0);
  expect(nearestLine(lines, 5, 11)).toBe(2);
  expect(nearestLine(lines, 100, 19)).toBe(2);
  expect(nearestLine([null], 1, 1)).toBeNull();
});
