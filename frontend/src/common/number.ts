/** Numbers as people write them, with a point or a comma for the decimals. */

import { texts } from "../texts";

const WRITTEN = /^[+-]?(\d+([.,]\d*)?|[.,]\d+)$/;

export interface Range {
  min: number;
  max: number;
}

/** The API's names of a pixel's width and height. */
export const PIXEL_SIZES = ["micrometres_x", "micrometres_y"] as const;
export type PixelTexts = Record<(typeof PIXEL_SIZES)[number], string>;

/** What the width and the height of a pixel can be in any modality, in micrometres. */
export const PIXEL_UM: Range = { min: 0.001, max: 10_000 };

/** The number in a text; null for an empty text; or, in words, why it is not a number in the range. */
export function readNumber(
  text: string,
  { min, max }: Range,
): { value: number | null } | { problem: string } {
  const written = text.trim();
  if (written === "") return { value: null };
  // With both signs, or one of them twice, nobody can tell thousands from decimals.
  if (!WRITTEN.test(written)) return { problem: texts.problems.noNumber };
  const value = Number(written.replace(",", "."));
  return value >= min && value <= max ? { value } : { problem: texts.problems.outOfRange(min, max) };
}

/** The number with a decimal point; a text that is no number stays as it was typed. */
export function withPoint(text: string, range: Range): string {
  const number = readNumber(text, range);
  return "problem" in number ? text : String(number.value ?? "");
}
