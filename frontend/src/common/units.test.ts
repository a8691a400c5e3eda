import { describe, expect, it, test } from "vitest";

import { CHEST, OCT } from "../testing/modalities";
import {
  areaSign,
  formatArea,
  formatLength,
  formatVolume,
  micrometresOf,
  pixelRange,
  sizeSign,
  typedOf,
} from "./units";

// The same examples as for webapp/core/numbers.py.
test.each([
  [0.01147 * 1000, "11.47"],
  [3.87167, "3.872"],
  [1000, "1000"],
  [0.1, "0.1"],
])("a length of %f micrometres reads as %s", (length, written) => {
  expect(formatLength(length, OCT)).toBe(written);
});

test("each modality has its own units", () => {
  expect([sizeSign(OCT), areaSign(OCT), sizeSign(CHEST), areaSign(CHEST)]).toEqual([
    "µm",
    "mm²",
    "mm",
    "cm²",
  ]);
  expect(formatLength(143, CHEST)).toBe("0.143");
  expect([formatArea(0.008, OCT), formatArea(1234, CHEST)]).toEqual(["0.008 mm²", "12.3 cm²"]);
  expect([formatVolume(0.5, OCT), formatVolume(2500, CHEST)]).toEqual(["0.5 mm³", "2.5 cm³"]);
  expect([formatArea(250, CHEST, true), formatVolume(-0.5, OCT, true)]).toEqual(["+2.5 cm²", "-0.5 mm³"]);
});

describe("the size of a pixel", () => {
  it("is typed in the unit of the modality, and sent in micrometres", () => {
    expect([micrometresOf("0,143", CHEST), micrometresOf("0.139", CHEST)]).toEqual(["143", "139"]);
    expect([micrometresOf("11,3", OCT), micrometresOf(" 4 ", OCT)]).toEqual(["11,3", " 4 "]);
    expect([typedOf("143", CHEST), typedOf("", CHEST), typedOf("11.47", OCT)]).toEqual([
      "0.143",
      "",
      "11.47",
    ]);
  });

  it.each(["", "wide", "1,234.5", "0.1."])("stays as %j where that is no number", (text) =>
    expect([micrometresOf(text, CHEST), typedOf(text, CHEST)]).toEqual([text, text]),
  );

  it("has the range of the modality", () => {
    expect([pixelRange(OCT), pixelRange(CHEST)]).toEqual([
      { min: 0.1, max: 1000 },
      { min: 0.01, max: 5 },
    ]);
  });
});
