import { expect, test } from "vitest";

import { columnsOf, stripsOf } from "./wholeMap";

function pixels(rows: number[][]): ImageData {
  const data = new Uint8ClampedArray(rows.flat().flatMap((value) => [value, value, value, 255]));
  return { data, width: rows[0]!.length, height: rows.length } as ImageData;
}

test("a column is as strong as its strongest place in depth", () => {
  expect([
    ...columnsOf(
      pixels([
        [0, 10, 3],
        [200, 5, 3],
      ]),
    ),
  ]).toEqual([200, 10, 3]);
});

test("strips reach half-way to their neighbours, and are never thinner than a pixel", () => {
  const lines = [[0, 0, 100, 0] as const, [0, 10, 100, 10] as const, null, [0, 10.2, 100, 10.2] as const];
  const strips = stripsOf({ width: 100, height: 100, lines });
  expect(strips.map((strip) => strip?.thickness)).toEqual([10, 10, undefined, 5]);
  expect(stripsOf({ width: 100, height: 100, lines: [...lines.slice(1, 2), lines[3]!] })[0]?.thickness).toBe(
    1,
  );
});
