import { describe, expect, it } from "vitest";

import { CHEST, OCT } from "../testing/modalities";
import { lookOf, foundKinds, squareMillimetres } from "./findings";

const FINDINGS = {
  kinds: ["fluid_within", "fluid_below", "hole"],
  regions: [
    { finding: "hole", box: [10, 10, 20, 20], share: 0.02, confidence: 0.9 },
    { finding: "fluid_within", box: [0, 0, 9, 9], share: 0.01, confidence: 0.8 },
    { finding: "fluid_within", box: [40, 0, 9, 9], share: 0.005, confidence: 0.7 },
  ],
};

describe("what the model sees", () => {
  it("is told by kind, in the model's order, and only what was found", () => {
    const found = foundKinds(FINDINGS, OCT);
    expect(found.map(({ kind, regions }) => [kind, regions.length])).toEqual([
      ["fluid_within", 2],
      ["hole", 1],
    ]);
    expect(found[0]!.share).toBeCloseTo(0.015);
    expect(foundKinds({ ...FINDINGS, regions: [] }, OCT)).toEqual([]);
  });

  it("has an area where the size of a pixel is known", () => {
    const scan = { width: 500, height: 400, micrometres_x: 10, micrometres_y: 4 };
    expect(squareMillimetres(0.01, scan)).toBeCloseTo(0.08);
    expect(squareMillimetres(0.01, { ...scan, micrometres_y: null })).toBeNull();
  });

  it("is named by its code where a later model knows more", () => {
    expect(lookOf("hole", OCT).title).toBe("hole");
    for (const modality of [OCT, CHEST, undefined])
      expect(lookOf("epiretinal_membrane", modality).title).toBe("epiretinal membrane");
  });
});
