import { expect, test } from "vitest";

import { type Lying, linkingOf, matching } from "./linking";

function volume(count: number, between: number | null, pattern = "raster", gaps: number[] = []): Lying {
  const places = Array.from({ length: count }, (_, place) => place).filter((place) => !gaps.includes(place));
  return { count, pattern, spacing: { between }, bscans: places.map((place) => ({ place })) };
}

test("volumes are laid middle on middle where their distances are known", () => {
  const [wide, dense] = [volume(25, 240), volume(49, 60)];
  expect(linkingOf(wide, dense)).toBe("distance");
  expect(matching(wide, 12, dense)).toBe(24);
  expect(matching(wide, 13, dense)).toBe(28);
  expect(matching(wide, 0, dense)).toBe(0); // beyond its edge: as near as there is one
  expect(matching(dense, 27, wide)).toBe(13); // between two: the nearest
});

test.each([
  [volume(25, null), volume(49, 60)],
  [volume(25, 240, "radial"), volume(49, 60)],
])("without a distance, or where B-scans are not parallel, the share of the way counts", (one, other) => {
  expect(linkingOf(one, other)).toBe("share");
  expect(matching(one, 6, other)).toBe(12);
  expect(matching(one, 24, other)).toBe(48);
});

test("a gap leads to the nearest B-scan that is there, and indices count those that are", () => {
  expect(matching(volume(5, 100), 2, volume(5, 100, "raster", [2]))).toBe(1);
  expect(matching(volume(5, 100, "raster", [0]), 0, volume(5, 100))).toBe(1);
});

test("a scan by itself lies in the middle", () => {
  const alone = volume(1, null, "");
  expect(matching(alone, 0, volume(7, 120))).toBe(3);
  expect(matching(volume(7, 120), 6, alone)).toBe(0);
});
