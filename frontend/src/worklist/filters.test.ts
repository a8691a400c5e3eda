// @vitest-environment jsdom

import { expect, it } from "vitest";

import { withoutRevealing } from "./filters";

it("keeps from a blind reader the filters that tell of the model's answer, and no others", () => {
  const query = "search=drusen&prediction=AMD&state=undecided&ordering=urgent&eye=OD";
  expect(withoutRevealing(query, true)).toBe("search=drusen&eye=OD");
  expect(withoutRevealing(query, false)).toBe(query);
});
