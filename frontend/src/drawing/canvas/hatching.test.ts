import { describe, expect, it } from "vitest";

import table from "../../common/findings.json";
import heat from "./heat.json";

const rgb = (colour: string) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
const apart = (first: string, second: string) =>
  Math.hypot(...rgb(first).map((value, channel) => value - rgb(second)[channel]!));

describe("how findings are drawn", () => {
  const looks = Object.values(table);

  it("is never in a colour of the heat map", () => {
    for (const { colour } of looks) {
      for (const stop of heat.stops) expect(apart(colour, stop), `${colour} and ${stop}`).toBeGreaterThan(75);
    }
  });

  it("tells kinds apart without colours, too", () => {
    expect(new Set(looks.map(({ hatch }) => hatch)).size).toBe(looks.length);
    expect(new Set(looks.map(({ colour }) => colour)).size).toBe(looks.length);
  });
});
