import { describe, expect, it } from "vitest";

import { lengthOf } from "./plane";

const THREE_FOUR_FIVE = { kind: "caliper", x1: 10, y1: 10, x2: 40, y2: 50 } as const;

describe("a caliper", () => {
  it("measures in pixels", () => {
    expect(lengthOf(THREE_FOUR_FIVE, { micrometres_x: null, micrometres_y: null })).toEqual({
      pixels: 50,
      micrometres: null,
    });
  });

  it("measures in micrometres with pixels that are wider than high", () => {
    const { micrometres } = lengthOf(THREE_FOUR_FIVE, { micrometres_x: 10, micrometres_y: 4 });
    expect(micrometres).toBeCloseTo(Math.hypot(30 * 10, 40 * 4));
  });
});
