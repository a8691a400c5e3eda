import type { ScanChange } from "../../api/types";

/** What people enter of a scan, by the API's names. What has no input of its own is text (see common/details.ts). */
export const details: Record<keyof ScanChange, string> = {
  patient_ref: "Patient reference",
  eye: "Eye",
  fields: "Fields of the modality",
  acquired: "Taken",
  note: "Note",
  micrometres_x: "Pixel width",
  micrometres_y: "Pixel height",
};
