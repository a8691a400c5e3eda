import { describe, expect, it } from "vitest";

import { CHEST, OCT } from "../testing/modalities";
import { fieldsInWords, tellsEye, textsIn } from "./modality";

describe("what a modality has", () => {
  it("has its fields in words, and nothing for one that was not given", () => {
    expect(fieldsInWords(CHEST, { view: "PA" })).toEqual([
      ["View", "PA (from behind)"],
      ["Age group", ""],
    ]);
  });

  it("shows a value that the profile does not name any more as it is", () => {
    expect(fieldsInWords(CHEST, { view: "oblique" })[0]).toEqual(["View", "oblique"]);
  });

  it("has an eye, or none; one that was entered all the same is not hidden", () => {
    expect([tellsEye(OCT, ""), tellsEye(CHEST, ""), tellsEye(CHEST, "OD")]).toEqual([true, false, true]);
  });

  it("calls a picture by its word", () => {
    expect(textsIn(OCT).volume.place(3, 20)).toBe("B-scan 3 of 20");
  });
});
