/** Which verdicts an answer allows, and what the API gets of what is typed. */

import type { ReviewChange, Scan, Verdict } from "../api/types";
import { type Answered, namesLabel, namedLabels } from "../common/answer";
import type { Typed } from "./OwnVerdict";

/** A part of the form, by its name in the document. */
export type Field = "verdict" | "label" | "reason" | "unsure";

/**
 * What a reader is asked for: a verdict on the label or labels that the model names; a label, where it names none and
 * there is nothing to agree with; or a label before the answer is shown (blind).
 */
export type Asked = "verdict" | "label" | "blind";

/** The fields of a scan that decide what a reader is asked for. */
export type Judged = Answered & Pick<Scan, "labels" | "answer_hidden" | "volume">;

export function askedFor(scan: Judged): Asked {
  if (scan.answer_hidden) return "blind";
  return namesLabel(scan) || namedLabels(scan).length > 0 ? "verdict" : "label";
}

/**
 * The labels to choose from with a verdict: to disagree, all that the model does not name; to agree with an answer that
 * leaves several open, these; otherwise none.
 */
export function labelChoices(scan: Judged, verdict: Verdict | null): string[] {
  const named = namedLabels(scan);
  if (verdict === "disagree") return scan.labels.filter((label) => !named.includes(label));
  return verdict === "agree" && !namesLabel(scan) ? named : [];
}

/** The first field that still has to be filled in; null if the verdict can be given. */
export function missingField({ verdict, label, comment }: Typed, scan: Judged): Field | null {
  if (askedFor(scan) !== "verdict") return label === null ? "label" : null;
  if (verdict === null) return "verdict";
  const choices = labelChoices(scan, verdict);
  if (choices.length > 0 && (label === null || !choices.includes(label))) return "label";
  return verdict === "disagree" && comment.trim() === "" ? "reason" : null;
}

/** Where no verdict is asked for, it follows from the label, unless the reader is `unsure`. */
export function requestFor(
  { verdict, label, comment, about }: Typed,
  scan: Judged,
  instead: "unsure" | null = null,
): ReviewChange {
  const asked = askedFor(scan);
  const judges = asked === "verdict";
  const given = judges ? verdict : instead;
  const isChosen = label !== null && (!judges || labelChoices(scan, verdict).includes(label));
  return {
    comment: comment.trim(),
    ...(given ? { verdict: given } : {}),
    ...(isChosen ? { label } : {}),
    // The answer that the choice was made on, which may not be the newest any more: then the server says so.
    ...(about && asked !== "blind" ? { prediction_seen: about } : {}),
    // It stands for its volume: the server says so if another B-scan does by now.
    ...(scan.volume ? { of_volume: true } : {}),
  };
}
