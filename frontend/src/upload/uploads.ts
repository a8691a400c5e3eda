/** What becomes of the files that somebody uploads, and what was said of them. */

import type { Problem } from "../api/problem";
import type { Difference, Eye, UploadedScan } from "../api/types";
import { PIXEL_SIZES, type PixelTexts } from "../common/number";

/** What is said of a scan; a pixel's size in micrometres. */
export interface Details extends PixelTexts {
  patient_ref: string;
  eye: Eye;
  /** The day on which it was taken: 2024-03-17. */
  acquired: string;
  note: string;
}

export const NO_DETAILS: Details = {
  patient_ref: "",
  eye: "",
  acquired: "",
  note: "",
  micrometres_x: "",
  micrometres_y: "",
};

export interface Upload {
  key: number;
  file: File;
  details: Details;
  /** Share that was sent, 0 to 1. */
  sent: number;
  /** `open`: nothing is sent before somebody has looked at its details. */
  state: "open" | "waiting" | "sending" | "done" | "refused";
  scan?: UploadedScan;
  problem?: Problem;
  /** Whether somebody has said which of two values counts. */
  decided?: boolean;
}

export function isEmpty(details: Details): boolean {
  return Object.values(details).every((value: string) => value.trim() === "");
}

/** Whether anything is said besides whose scan it is. */
export function hasMore({ note, micrometres_x, micrometres_y }: Details): boolean {
  return [note, micrometres_x, micrometres_y].some((value) => value.trim() !== "");
}

/** Where what was entered is not what is known, as long as nobody has said which counts. */
export function undecided(upload: Upload): Difference[] {
  return upload.decided ? [] : (upload.scan?.differences ?? []);
}

/** Whether there is nothing left to do with it. */
export function isOver(upload: Upload): boolean {
  return upload.state === "done" && undecided(upload).length === 0;
}

/** Whether it was refused for something that was entered with it, rather than for the file. */
export function canBeCorrected(upload: Upload): boolean {
  return Object.keys(upload.problem?.fields ?? {}).some((field) => field in NO_DETAILS);
}

/** What to change of the scan so that it has the values that it hasn't. */
export function correction(scan: UploadedScan, differences: Difference[]): Record<string, string | number> {
  const wanted = differences.map(({ field, entered, found, found_in }) => [
    field,
    found_in === "file" ? found : entered,
  ]);
  const values: Record<string, string | number> = Object.fromEntries(wanted);
  if (PIXEL_SIZES.some((name) => name in values)) {
    // A pixel has a width and a height: the one that agrees goes along.
    for (const name of PIXEL_SIZES) values[name] = Number(values[name] ?? scan[name]);
  }
  return values;
}
