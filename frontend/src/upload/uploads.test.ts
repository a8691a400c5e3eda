import { describe, expect, it } from "vitest";

import { Problem } from "../api/problem";
import type { Difference, UploadedScan } from "../api/types";
import { canBeCorrected, correction, isEmpty, isOver, NO_DETAILS, undecided, type Upload } from "./uploads";

const patient: Difference = {
  field: "patient_ref",
  entered: "P-2",
  found: "P-1",
  found_in: "earlier_upload",
};
const width: Difference = { field: "micrometres_x", entered: "4", found: "11.7", found_in: "file" };
const scan = {
  micrometres_x: 4,
  micrometres_y: 3.9,
  differences: [patient],
} as UploadedScan;
const upload: Upload = {
  key: 1,
  file: new File([], "a.png"),
  details: NO_DETAILS,
  sent: 1,
  state: "done",
  scan,
};

describe("an upload", () => {
  it("is over once somebody has said which of two values counts", () => {
    expect(undecided(upload)).toEqual([patient]);
    expect(isOver(upload)).toBe(false);
    expect(isOver({ ...upload, decided: true })).toBe(true);
  });

  it("can be corrected if it was refused for what was entered", () => {
    const refused = (field: string) =>
      canBeCorrected({ ...upload, problem: new Problem("", "invalid", 400, { [field]: ["no"] }) });
    expect([refused("acquired"), refused("image")]).toEqual([true, false]);
  });
});

describe("a correction", () => {
  it("puts what was entered into the scan of an earlier upload", () => {
    expect(correction(scan, [patient])).toEqual({ patient_ref: "P-2" });
  });

  it("puts what the file says into a new scan, a pixel's width never without its height", () => {
    expect(correction(scan, [width])).toEqual({ micrometres_x: 11.7, micrometres_y: 3.9 });
  });
});

describe("details", () => {
  it("are empty if only blanks were typed", () => {
    expect(isEmpty({ ...NO_DETAILS, note: " " })).toBe(true);
    expect(isEmpty({ ...NO_DETAILS, eye: "OD" })).toBe(false);
  });
});
