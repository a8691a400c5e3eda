import { expect, test } from "vitest";

import { formatCoefficient, formatOfHundred, formatProbability, formatShare } from "./format";

// The same examples as for webapp/core/numbers.py.
test.each([
  [0, "0%"],
  [1e-9, "<1%"],
  [0.0049, "<1%"],
  [0.005, "1%"],
  [0.145, "15%"],
  [0.5, "50%"],
  [0.994, "99%"],
  [0.995, ">99%"],
  [0.996, ">99%"],
  [0.999999, ">99%"],
  [1, "100%"],
])("the share %f reads as %s", (share, written) => {
  expect(formatShare(share)).toBe(written);
});

test.each([
  [1, ">99%"],
  [0, "<1%"],
  [0.98, "98%"],
])("the probability %f reads as %s", (probability, written) => {
  expect(formatProbability(probability)).toBe(written);
});

test.each([
  [0, "0"],
  [0.001, "<1"],
  [0.37, "37"],
  [0.999, ">99"],
  [1, "100"],
])("the share %f reads as %s of a hundred", (share, written) => {
  expect(formatOfHundred(share)).toBe(written);
});

test.each([
  [0, "0.00"],
  [0.001, "<0.01"],
  [0.5, "0.50"],
  [0.998, ">0.99"],
  [1, "1.00"],
])("the coefficient %f reads as %s", (value, written) => {
  expect(formatCoefficient(value)).toBe(written);
});
