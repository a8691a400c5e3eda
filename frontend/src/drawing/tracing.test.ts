import { describe, expect, it } from "vitest";

import { ringsOf } from "./tracing";

function cells(...rows: string[]) {
  return { values: [...rows.join("")].map(Number), columns: rows[0]!.length, rows: rows.length };
}

/** Twice the area; one that runs round a hole counts against the other. */
function area(rings: number[][]): number {
  let sum = 0;
  for (const ring of rings) {
    for (let at = 0; at < ring.length; at += 2) {
      const next = (at + 2) % ring.length;
      sum += ring[at]! * ring[next + 1]! - ring[next]! * ring[at + 1]!;
    }
  }
  return Math.abs(sum) / 2;
}

describe("outlines of a map's cells", () => {
  it("go round each value apart, and round nothing where there is none", () => {
    const map = cells("0110", "0112", "0002");
    expect(ringsOf(map, 1)).toHaveLength(1);
    expect(ringsOf(map, 2)).toHaveLength(1);
    expect(ringsOf(map, 3)).toEqual([]);
  });

  it("stay where the cells are, at the map's edge, too", () => {
    const [ring] = ringsOf(cells("111", "111"), 1);
    const across = ring!.filter((_, at) => at % 2 === 0);
    expect([Math.min(...across), Math.max(...across)]).toEqual([0, 3]);
    expect(area([ring!])).toBeCloseTo(6, 0);
  });

  it("leave out what lies within", () => {
    const rings = ringsOf(cells("1111", "1001", "1001", "1111"), 1);
    expect(rings).toHaveLength(2);
    expect(area(rings)).toBeCloseTo(12, 0);
  });

  it("end where two cells touch in a corner", () => {
    const rings = ringsOf(cells("10", "01"), 1);
    expect(rings.flat()).toHaveLength(2 * 8 * 4);
    expect(area(rings)).toBeGreaterThan(1.5);
  });
});
