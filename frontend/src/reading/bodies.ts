/** What a verdict can be of an answer, and from what is typed to what the API takes of it. */

import type { Scan, Verdict } from "../api/types";
import { type Answered, namesLabel, saidLabels } from "../common/answer";
import type { Body, Typed } from "./OwnVerdict";

/** A part of the form, by its name in the document. */
export type Field = "verdict" | "label" | "reason" | "unsure";

/**
 * What a reader is asked for: a verdict on what the model has said; a label, where it has said none, as there is nothing
 * to agree with; or a label before anything is shown.
 */
export type Asked = "verdict" | "label" | "blind";

/** The fields of a scan that decide what it can be. */
export type Judged = Answered & Pick<Scan, "labels" | "answer_hidden">;

export function askedOf(scan: Judged): Asked {
  if (scan.answer_hidden) return "blind";
  return namesLabel(scan) || saidLabels(scan).length > 0 ? "verdict" : "label";
}

/**
 * The labels to choose from with a verdict: to disagree, all that the model has not said; to agree with one that leaves
 * several open, these; none where the verdict says it all.
 */
export function choicesOf(scan: Judged, verdict: Verdict | null): string[] {
  const said = saidLabels(scan);
  if (verdict === "disagree") return scan.labels.filter((label) => !said.includes(label));
  return verdict === "agree" && !namesLabel(scan) ? said : [];
}

/** The first field that still has to be filled in; null if the verdict can be given. */
export function missingField({ verdict, label, comment }: Typed, scan: Judged): Field | null {
  if (askedOf(scan) !== "verdict") return label === null ? "label" : null;
  if (verdict === null) return "verdict";
  const choices = choicesOf(scan, verdict);
  if (choices.length > 0 && (label === null || !choices.includes(label))) return "label";
  return verdict === "disagree" && comment.trim() === "" ? "reason" : null;
}

/** Where no verdict is asked for it follows from the label, unless the reader has said to be `unsure`. */
export function bodyOf(
  { verdict, label, comment, about }: Typed,
  scan: Judged,
  instead: "unsure" | null = null,
): Body {
  const asked = askedOf(scan);
  const judges = asked === "verdict";
  const said = judges ? verdict : instead;
  const isChosen = label !== null && (!judges || choicesOf(scan, verdict).includes(label));
  return {
    comment: comment.trim(),
    ...(said ? { verdict: said } : {}),
    ...(isChosen ? { label } : {}),
    // The answer that the choice was made on, which may not be the newest any more: then the server says so.
    ...(about && asked !== "blind" ? { prediction_seen: about } : {}),
  };
}
