/** The details of a scan as they stand in a form, and what the API gets of what is changed there. */

import type { Scan, ScanChange } from "../api/types";
import { type TextDetails, textsOf } from "../common/details";
import type { Fields } from "../common/modality";
import type { PixelTexts } from "../common/number";

export type Entries = TextDetails &
  Pick<Scan, "patient_ref" | "eye" | "acquired"> & { fields: Fields; sizes: PixelTexts };

/** What is changed, by the same names; a field that is taken away is "". */
export type Changes = Partial<Entries>;

export function entriesOf(scan: Scan): Entries {
  const { patient_ref, eye, acquired, fields, micrometres_x, micrometres_y } = scan;
  const sizes = { micrometres_x: measured(micrometres_x), micrometres_y: measured(micrometres_y) };
  return { patient_ref, eye, acquired, fields, sizes, ...textsOf(scan) };
}

/** What differs from the scan. The rest may be corrected by somebody else meanwhile, and is not to be put back. */
export function changesOf(before: Entries, entries: Entries): Changes {
  const { fields: fieldsBefore, sizes: sizesBefore, ...textsBefore } = before;
  const { fields, sizes, ...texts } = entries;
  const changedFields = differing(fieldsBefore, fields);
  return {
    ...(differing(textsBefore, texts) as Changes),
    ...(isEmpty(changedFields) ? {} : { fields: changedFields }),
    // The API takes the width and the height of a pixel only together.
    ...(isEmpty(differing(sizesBefore, sizes)) ? {} : { sizes }),
  };
}

export function withChanges(before: Entries, { fields, ...others }: Changes): Entries {
  return { ...before, ...others, fields: { ...before.fields, ...fields } };
}

/** `sizes` are the numbers in the texts of the same name. */
export function requestFor(changes: Changes, sizes: Pick<ScanChange, keyof PixelTexts>): ScanChange {
  const { sizes: typed, ...others } = changes;
  return { ...others, ...(typed && sizes) };
}

export function isEmpty(changes: object): boolean {
  return Object.keys(changes).length === 0;
}

/** What differs, with "" for what is gone. */
function differing(before: Fields, after: Fields): Fields {
  const names = Object.keys({ ...before, ...after });
  const differs = names.filter((name) => (before[name] ?? "") !== (after[name] ?? ""));
  return Object.fromEntries(differs.map((name) => [name, after[name] ?? ""]));
}

/** Rounded to the digits that a file gives: computing adds more. */
function measured(micrometres: number | null): string {
  return micrometres === null ? "" : String(Number(micrometres.toPrecision(9)));
}
