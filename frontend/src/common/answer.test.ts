import { describe, expect, it } from "vitest";

import { type Answered, headline, oneLine, isCalibrated, namedLabels, shares, why } from "./answer";

const probabilities = { AMD: 0.48, CNV: 0.4, DRUSEN: 0.1, NORMAL: 0.02 };
const ANSWERED: Answered = {
  prediction: "AMD",
  confidence: 0.48,
  probabilities,
  state: "answered",
  because: "one_label",
  prediction_set: ["AMD"],
  group: null,
  known: true,
};
const SEVERAL: Answered = {
  ...ANSWERED,
  state: "undecided",
  because: "several",
  prediction_set: ["AMD", "NORMAL"],
};
const GROUP: Answered = {
  ...SEVERAL,
  because: "one_group",
  prediction_set: ["AMD", "CNV"],
  group: "macular degeneration, stage open",
};
const NOT_ANSWERED: Answered = {
  ...ANSWERED,
  state: "not_answered",
  because: "unfamiliar",
  prediction_set: [],
  known: false,
};
const OLD: Answered = { ...ANSWERED, state: null, because: null, prediction_set: null, known: null };

describe("an answer", () => {
  it.each([
    ["one label", ANSWERED, "AMD", "AMD 48%", ["AMD"]],
    [
      "the group's name",
      GROUP,
      "Macular degeneration, stage open",
      "undecided, macular degeneration, stage open",
      ["AMD", "CNV"],
    ],
    ["the labels of the set", SEVERAL, "AMD or NORMAL", "undecided, AMD or NORMAL", ["AMD", "NORMAL"]],
    ["no label at all", NOT_ANSWERED, "Not answered", "not answered", []],
    ["the label, of a model that does not say how far it goes", OLD, "AMD", "AMD 48%", ["AMD"]],
    ["that it is undecided, without a set", { ...SEVERAL, prediction_set: [] }, "Undecided", undefined, []],
  ])("is %s", (_, answer, title, line, labels) => {
    expect(headline(answer)).toBe(title);
    if (line !== undefined) expect(oneLine(answer)).toBe(line);
    expect(namedLabels(answer)).toEqual(labels);
  });

  it("is calibrated only where it was given to a picture that the model knows", () => {
    const others = [SEVERAL, NOT_ANSWERED, OLD, { ...ANSWERED, known: false }, { ...ANSWERED, known: null }];
    expect(isCalibrated(ANSWERED)).toBe(true);
    expect(others.map(isCalibrated)).toEqual([false, false, false, false, false]);
  });

  it("says why, by the model's own word where the rule is the card's", () => {
    expect(why(GROUP)).toBe("The model can't tell these apart here: AMD, CNV.");
    expect(why(NOT_ANSWERED)).toContain("does not look like the scans that the model learnt from");
    expect(why({ ...NOT_ANSWERED, because: "wedge" })).toBe("A rule of the model's card: wedge.");
    expect(why(OLD)).toBe("");
  });

  it("gives each of its labels a probability", () => {
    expect(shares(GROUP, ["AMD", "CNV"])).toBe("AMD 48%, CNV 40%");
  });
});
