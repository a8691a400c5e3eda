import { describe, expect, it } from "vitest";

import { changesOf, type Entries, requestFor, withChanges } from "./detailsRequest";

const BEFORE: Entries = {
  patient_ref: "P-1",
  eye: "OD",
  acquired: "2024-03",
  note: "",
  fields: { view: "PA", age_group: "child" },
  sizes: { micrometres_x: "11.3", micrometres_y: "3.87" },
};
const SIZES = { micrometres_x: 12, micrometres_y: 3.87 };

/** What the API gets when this is entered in the form. */
function request(entered: Partial<Entries>) {
  return requestFor(changesOf(BEFORE, { ...BEFORE, ...entered }), SIZES);
}

describe("saving the details of a scan", () => {
  it("sends what was changed alone: the rest may be corrected elsewhere by then", () => {
    expect(request({})).toEqual({});
    expect(request({ note: "seen again" })).toEqual({ note: "seen again" });
    expect(request({ eye: "", patient_ref: "P-2" })).toEqual({ eye: "", patient_ref: "P-2" });
  });

  it("sends both sides of a pixel where one was changed", () => {
    expect(request({ sizes: { ...BEFORE.sizes, micrometres_x: "12" } })).toEqual(SIZES);
  });

  it("sends of a modality's own fields those that were changed or taken away", () => {
    expect(request({ fields: { view: "AP", age_group: "child" } })).toEqual({ fields: { view: "AP" } });
    expect(request({ fields: { view: "PA" } })).toEqual({ fields: { age_group: "" } });
  });
});

describe("a form of details that is open while the scan is corrected", () => {
  it("shows the correction beside what was typed, and saves the latter alone", () => {
    const typed = changesOf(BEFORE, { ...BEFORE, note: "seen again", fields: { view: "PA" } });
    const corrected: Entries = { ...BEFORE, eye: "OS", fields: { view: "AP", age_group: "child" } };
    const shown = withChanges(corrected, typed);
    expect(shown).toEqual({ ...corrected, note: "seen again", fields: { view: "AP", age_group: "" } });
    expect(changesOf(corrected, shown)).toEqual({ note: "seen again", fields: { age_group: "" } });
  });
});
