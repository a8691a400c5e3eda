import { expect, test } from "vitest";

import { CHEST, OCT } from "../testing/modalities";
import { presetsOf } from "./presets";

test("a preset is given by what it shows as black and as white", () => {
  expect(presetsOf(OCT)[0]).toEqual({ title: "Bright parts", window: { level: 185, width: 140 } });
});

test("a modality without presets has the soft one of every modality", () => {
  expect(presetsOf(CHEST).map(({ title }) => title)).toEqual(["Soft"]);
});

test("the presets of a modality stay the same objects", () => {
  expect(presetsOf(OCT)[0]).toBe(presetsOf(OCT)[0]);
});
