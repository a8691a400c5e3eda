/** The details of a scan that are plain text: all but those with an input of their own. */

import type { ScanChange } from "../api/types";
import { texts } from "../texts";
import { PIXEL_SIZES } from "./number";

const OWN_INPUT = ["patient_ref", "eye", "acquired", "fields", ...PIXEL_SIZES] as const;

export type TextDetail = Exclude<keyof ScanChange, (typeof OWN_INPUT)[number]>;
export type TextDetails = Record<TextDetail, string>;

const others: readonly string[] = OWN_INPUT;
export const TEXT_DETAILS = (Object.keys(texts.details) as (keyof ScanChange)[]).filter(
  (name): name is TextDetail => !others.includes(name),
);

/** The plain texts among the details of a scan. */
export function textsOf(scan: TextDetails): TextDetails {
  return Object.fromEntries(TEXT_DETAILS.map((name) => [name, scan[name]])) as TextDetails;
}
