/** From what is typed to what the API takes of a verdict. */

import type { Body, Typed } from "./OwnVerdict";

/** A part of the form, by its name in the document. */
export type Field = "verdict" | "label" | "reason" | "unsure";

/** The first field that still has to be filled in; null if the verdict can be given. */
export function missingField({ verdict, label, comment }: Typed, blind: boolean): Field | null {
  if (blind) return label === null ? "label" : null;
  if (verdict === null) return "verdict";
  if (verdict !== "disagree") return null;
  if (label === null) return "label";
  return comment.trim() === "" ? "reason" : null;
}

export function bodyOf({ verdict, label, comment, about }: Typed, blind: boolean): Body {
  const said = comment.trim();
  if (blind) return { comment: said, ...(label === null ? {} : { label }) };
  return {
    comment: said,
    ...(verdict ? { verdict } : {}),
    ...(verdict === "disagree" && label ? { label } : {}),
    // The answer that the choice was made on, which may not be the newest any more: then the server says so.
    ...(about ? { prediction_seen: about } : {}),
  };
}
