import { expect, test } from "vitest";

import { Problem } from "./problem";

test("a sentence that is said of a field is said once", () => {
  const missing = "Give the width and the height of a pixel, or neither.";
  const problem = new Problem(`micrometres_y: ${missing}`, "invalid", 400, {
    micrometres_y: [missing, missing],
  });
  expect(problem.sentences).toEqual([{ field: "micrometres_y", text: missing }]);
});

test("every field has its own sentences", () => {
  const fields = { eye: ["Not an eye."], note: ["Too long.", "No text."] };
  const said = new Problem("eye: Not an eye.", "invalid", 400, fields).sentences;
  expect(said.map(({ field, text }) => `${field}: ${text}`)).toEqual([
    "eye: Not an eye.",
    "note: Too long.",
    "note: No text.",
  ]);
});

test("what is wrong as a whole, or without fields, names none", () => {
  const whole = new Problem("It is read.", "invalid", 400, { non_field_errors: ["It is read."] });
  expect(whole.sentences).toEqual([{ field: "", text: "It is read." }]);
  expect(new Problem("No network.", "offline", 0).sentences).toEqual([{ field: "", text: "No network." }]);
});
