import { describe, expect, it } from "vitest";

import { Problem } from "../api/problem";
import type { Difference, UploadedScan } from "../api/types";
import { CHEST, OCT } from "../testing/modalities";
import {
  admitted,
  afterRefusal,
  asked,
  askedInWords,
  asksModality,
  canBeCorrected,
  choicesOf,
  correction,
  firstState,
  formOf,
  inOrder,
  isAsking,
  isEmpty,
  isOver,
  NO_DETAILS,
  ofModality,
  opensItsAnswer,
  refuseTooLarge,
  undecided,
  type Upload,
} from "./uploads";

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

describe("a file that doesn't say how it is to be read", () => {
  const problem = new Problem("Say by `bscan_width` and `bscan_height` how many.", "details_needed", 422);

  it("is asked about, by the fields that the sentence names", () => {
    expect(asked({ ...upload, problem })).toEqual(["bscan_width", "bscan_height"]);
    expect(canBeCorrected({ ...upload, problem })).toBe(true);
  });

  it("keeps what was answered when that was wrong", () => {
    const details = { ...NO_DETAILS, bscan_width: "512" };
    const wrong = new Problem("No whole number of B-scans.", "unreadable_image", 400);
    expect(asked({ ...upload, details, problem: wrong })).toEqual(["bscan_width"]);
  });

  it("is refused for good where another file is needed", () => {
    const refused = new Problem("Its .txt of the same name says it.", "details_needed", 422);
    expect(canBeCorrected({ ...upload, problem: refused })).toBe(false);
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

describe("uploads that wait", () => {
  const states = (all: Upload["state"][]) =>
    admitted(all.map((state, key) => ({ ...upload, key, state }))).map(({ state }) => state);

  it("are sent two at a time, in their order", () => {
    expect(states(["waiting", "waiting", "waiting"])).toEqual(["sending", "sending", "waiting"]);
    expect(states(["sending", "waiting", "waiting"])).toEqual(["sending", "sending", "waiting"]);
    expect(states(["sending", "sending", "waiting"])).toEqual(["sending", "sending", "waiting"]);
  });

  it("are sent past those that nobody has looked at, and those that are over", () => {
    expect(states(["open", "done", "refused", "waiting"])).toEqual(["open", "done", "refused", "sending"]);
  });
});

describe("an upload that is not taken", () => {
  const details = { ...NO_DETAILS, patient_ref: "P-1" };
  const all = (["sending", "waiting", "sending", "done"] as const).map((state, key): Upload => ({
    ...upload,
    key,
    state,
    details,
  }));

  it("is refused, and the others go on", () => {
    const problem = new Problem("No.", "invalid", 400);
    const [refused, ...others] = afterRefusal(all, 0, problem);
    expect(refused).toMatchObject({ state: "refused", problem });
    expect(others).toEqual(all.slice(1));
  });

  it("can be sent again after the next sign-in, as can those that wait, with their details", () => {
    const after = afterRefusal(all, 0, new Problem("You are signed out.", "signed_out", 401));
    expect(after.map(({ state }) => state)).toEqual(["open", "open", "sending", "done"]);
    expect(after.map((one) => one.details)).toEqual(all.map((one) => one.details));
    expect(after[0]).not.toHaveProperty("problem");
  });
});

describe("the form of an upload", () => {
  it("has what was entered, numbers with a decimal point, and nothing that is empty", () => {
    const details = { ...NO_DETAILS, patient_ref: " P-1 ", note: " ", micrometres_x: "11,7" };
    const form = formOf(new File(["x"], "a.png"), details);
    expect([...form.keys()]).toEqual(["image", "patient_ref", "micrometres_x"]);
    expect([form.get("patient_ref"), form.get("micrometres_x")]).toEqual(["P-1", "11.7"]);
  });

  it("names a picture that has no name, as one from the clipboard", () => {
    expect((formOf(new File(["x"], ""), NO_DETAILS).get("image") as File).name).toBe("scan.png");
  });
});

describe("a file of a modality that the server can't tell", () => {
  const refused = (code: string): Upload => ({
    ...upload,
    state: "refused",
    problem: new Problem("Which is it?", code, 400, { modality: ["chest-xray"] }),
  });

  it("is asked about, and so is one that looks like another modality", () => {
    expect(
      ["modality_unclear", "other_modality", "invalid"].map((code) => asksModality(refused(code))),
    ).toEqual([true, true, false]);
  });

  it("can be sent as what the server names", () => {
    const asks = refused("other_modality");
    expect(choicesOf(asks, [OCT, CHEST])).toEqual([CHEST]);
    expect(askedInWords(asks, [OCT, CHEST])).toContain("Chest X-ray");
  });

  it("stands first in the list, unless there is nothing to choose from", () => {
    const asks = refused("modality_unclear");
    const notHere = { ...asks, problem: new Problem("", "other_modality", 400, { modality: [] }) };
    expect([upload, notHere, asks].map(isAsking)).toEqual([false, false, true]);
    expect(inOrder([upload, notHere, asks])).toEqual([asks, upload, notHere]);
  });

  it("shows what the server says where it can not be sent by this account", () => {
    expect(askedInWords(refused("other_modality"), [OCT])).toBe("Which is it?");
  });

  it("is not asked about while it is sent again", () => {
    expect(asksModality({ ...refused("modality_unclear"), state: "waiting" })).toBe(false);
  });

  it("is sent with the modality that was chosen, and with what its scans have", () => {
    const chosen = { ...NO_DETAILS, ...ofModality("chest-xray", [OCT, CHEST]), fields: { view: "PA" } };
    const form = formOf(upload.file, chosen);
    expect([form.get("modality"), form.get("fields.view")]).toEqual(["chest-xray", "PA"]);
  });

  it("loses the eye and the fields of the modality that it was thought to be of", () => {
    const before = { ...NO_DETAILS, eye: "OD" as const, fields: { quality: "good" } };
    const after = { ...before, ...ofModality("chest-xray", [OCT, CHEST]) };
    expect([after.eye, after.fields]).toEqual(["", {}]);
  });
});

describe("a single file", () => {
  const given = { ...NO_DETAILS, patient_ref: "A" };
  const asksModality: Upload = {
    ...upload,
    state: "refused",
    problem: new Problem("Which is it?", "modality_unclear", 400, { modality: ["oct"] }),
  };

  it("is sent at once with what stands in sight, or with nothing", () => {
    const decided = { ...upload, decided: true };
    expect(firstState(1, given, true, [decided, { ...upload, state: "sending", scan: undefined }])).toBe(
      "waiting",
    );
    expect(firstState(1, NO_DETAILS, false, [])).toBe("waiting");
  });

  it("waits for a check with what is out of sight: the panel is closed, or asks something", () => {
    expect(firstState(1, given, false, [])).toBe("open");
    expect(firstState(1, given, true, [upload])).toBe("open");
    expect(firstState(1, given, true, [asksModality])).toBe("open");
    expect(firstState(1, given, true, [{ ...upload, state: "open", scan: undefined }])).toBe("open");
  });

  it("waits for a check among several", () => {
    expect(firstState(2, NO_DETAILS, true, [])).toBe("open");
  });
});

describe("an upload that is done", () => {
  const next = { ...NO_DETAILS, patient_ref: "B" };

  it("opens its answer if it is the only one, and nobody does anything else", () => {
    expect(opensItsAnswer([upload], NO_DETAILS, "/", "/")).toBe(true);
  });

  it("leaves alone who describes the next file, reads another scan, or has added one", () => {
    expect(opensItsAnswer([upload], next, "/", "/")).toBe(false);
    expect(opensItsAnswer([upload], NO_DETAILS, "/", "/scans/s9")).toBe(false);
    expect(opensItsAnswer([upload, { ...upload, key: 2 }], NO_DETAILS, "/", "/")).toBe(false);
  });

  it("stays in the list if it was sent with others, of which nothing is left there", () => {
    expect(opensItsAnswer([upload], NO_DETAILS, null, "/")).toBe(false);
  });
});

describe("a file that is too large", () => {
  const most = { picture: 2 ** 20, volume: 4 * 2 ** 20 };
  const file = (size: number) => Object.defineProperty(new File([], "a.dcm"), "size", { value: size });

  it("is refused before it is sent, with both sizes", () => {
    expect(() => refuseTooLarge(file(9 * 2 ** 20), most)).toThrow("The file has 9 MB; up to 4 MB are taken.");
  });

  it("has another number than the limit, however little it is above it", () => {
    expect(() => refuseTooLarge(file(4 * 2 ** 20 + 1), most)).toThrow("has 5 MB; up to 4 MB");
  });

  it("is sent where it may be a volume, and where the limits are not known yet", () => {
    refuseTooLarge(file(4 * 2 ** 20), most);
    refuseTooLarge(file(9 * 2 ** 20), undefined);
  });
});
