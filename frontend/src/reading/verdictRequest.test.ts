import { describe, expect, it } from "vitest";

import { askedFor, requestFor, labelChoices, type Judged, missingField } from "./verdictRequest";
import type { Typed } from "./OwnVerdict";

const ANSWERED: Judged = {
  prediction: "AMD",
  confidence: 0.9,
  probabilities: {},
  state: "answered",
  because: "one_label",
  prediction_set: ["AMD"],
  group: null,
  known: true,
  labels: ["AMD", "CNV", "NORMAL"],
  answer_hidden: false,
  volume: null,
};
const OLD: Judged = { ...ANSWERED, state: null, because: null, prediction_set: null };
const UNDECIDED: Judged = { ...ANSWERED, state: "undecided", prediction_set: ["AMD", "CNV"] };
const NOT_ANSWERED: Judged = { ...ANSWERED, state: "not_answered", prediction_set: [] };
const HIDDEN: Judged = { ...OLD, prediction: null, answer_hidden: true };
const about = { label: "AMD", model_version: "2.0.0" };
const NOTHING: Typed = { verdict: null, label: null, comment: "", about };

describe("what a reader is asked for", () => {
  it.each([
    ["a verdict on one label", ANSWERED, "verdict"],
    ["a verdict on the answer of a model that does not say how far it goes", OLD, "verdict"],
    ["a verdict on several labels", UNDECIDED, "verdict"],
    ["a label where there is no answer", NOT_ANSWERED, "label"],
    ["a label where no label is left open", { ...UNDECIDED, prediction_set: [] }, "label"],
    ["a label before anything is shown", HIDDEN, "blind"],
  ])("is %s", (_, scan, asked) => expect(askedFor(scan)).toBe(asked));
});

describe("the labels to choose from", () => {
  it("are all that the model has not said, to disagree", () => {
    expect(labelChoices(ANSWERED, "disagree")).toEqual(["CNV", "NORMAL"]);
    expect(labelChoices(UNDECIDED, "disagree")).toEqual(["NORMAL"]);
  });

  it("are those that it leaves open, to agree", () => {
    expect(labelChoices(UNDECIDED, "agree")).toEqual(["AMD", "CNV"]);
    expect(labelChoices(ANSWERED, "agree")).toEqual([]);
  });
});

describe("a verdict", () => {
  it("on several labels is missing the one that it is", () => {
    expect(missingField({ ...NOTHING, verdict: "agree" }, UNDECIDED)).toBe("label");
    expect(missingField({ ...NOTHING, verdict: "agree", label: "NORMAL" }, UNDECIDED)).toBe("label");
    expect(missingField({ ...NOTHING, verdict: "agree", label: "CNV" }, UNDECIDED)).toBeNull();
    expect(missingField({ ...NOTHING, verdict: "agree" }, ANSWERED)).toBeNull();
  });

  it("goes with the label that it names, and with the answer that it is on", () => {
    expect(requestFor({ ...NOTHING, verdict: "agree", label: "CNV" }, UNDECIDED)).toEqual({
      verdict: "agree",
      label: "CNV",
      comment: "",
      prediction_seen: about,
    });
  });

  it("leaves out a label that was chosen for another", () => {
    const typed: Typed = { ...NOTHING, verdict: "agree", label: "CNV", comment: " sure " };
    expect(requestFor(typed, ANSWERED)).toEqual({
      verdict: "agree",
      comment: "sure",
      prediction_seen: about,
    });
  });

  it("is the label alone where the model has not answered, whatever was chosen before", () => {
    const typed: Typed = { ...NOTHING, verdict: "agree", label: "AMD" };
    expect(requestFor(typed, NOT_ANSWERED)).toEqual({ label: "AMD", comment: "", prediction_seen: about });
    expect(requestFor({ ...typed, label: null }, NOT_ANSWERED, "unsure")).toEqual({
      verdict: "unsure",
      comment: "",
      prediction_seen: about,
    });
  });

  it("names no answer that its reader was not shown", () => {
    expect(requestFor({ ...NOTHING, label: "CNV" }, HIDDEN)).toEqual({ label: "CNV", comment: "" });
  });

  it("says that it is on a volume, so that it never lands on a B-scan that does not stand for it any more", () => {
    const volume = { id: "v", place: 3, count: 7 };
    const request = requestFor({ ...NOTHING, verdict: "agree" }, { ...ANSWERED, volume });
    expect(request).toMatchObject({ verdict: "agree", of_volume: true });
  });
});
