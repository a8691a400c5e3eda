import { expect, test } from "vitest";

import type { DrawnOnScan, Scan } from "../api/types";
import { drawnChanges, probabilityChanges } from "./changes";

const scan = (probabilities: Record<string, number>, state: Scan["state"] = "answered") =>
  ({ probabilities, state }) as Scan;

test("probabilities of the labels that both answers have, the most probable now first", () => {
  expect(probabilityChanges(scan({ CNV: 0.2, DME: 0.8 }), scan({ DME: 0.3, CNV: 0.6, AMD: 0.1 }))).toEqual([
    { label: "CNV", left: 0.2, right: 0.6 },
    { label: "DME", left: 0.8, right: 0.3 },
  ]);
});

test("what the model would have said is not compared", () => {
  expect(probabilityChanges(scan({ CNV: 0.2 }, "not_answered"), scan({ CNV: 0.6 }))).toEqual([]);
});

function drawn(label: string, square: number | null, cubic: number | null): DrawnOnScan {
  const bscans = [{ id: "s", place: 0, square_pixels: 100, square_millimetres: square }];
  const each = { creator: "u", creator_name: "Una", mine: true, label, bscans, cubic_millimetres: cubic };
  return { measured: true, micrometres_between: null, missing: [], drawn: [each] };
}
const NOTHING: DrawnOnScan = { measured: true, micrometres_between: null, missing: [], drawn: [] };

test("volumes are compared in mm³, all else in mm², and where the user drew nothing it is 0", () => {
  expect(drawnChanges(drawn("CNV", 0.2, 0.01), drawn("CNV", 0.3, 0.02), true)[0]).toMatchObject({
    unit: "cubic",
    left: 0.01,
    right: 0.02,
  });
  expect(drawnChanges(NOTHING, drawn("CNV", 0.3, null), false)[0]).toMatchObject({
    unit: "square",
    left: 0,
    right: 0.3,
  });
});

test("of another reader no growth is made up where a drawing may be hidden", () => {
  const theirs = drawn("CNV", 0.3, null);
  theirs.drawn[0]!.mine = false;
  expect(drawnChanges(NOTHING, theirs, false)[0]).toMatchObject({ left: null, right: 0.3 });
  expect(drawnChanges(theirs, NOTHING, false)[0]).toMatchObject({ left: 0.3, right: null });
});

test("labels stay apart, and what is not known stays unknown", () => {
  const changes = drawnChanges(drawn("CNV", null, null), drawn("DME", 0.3, null), false);
  expect(changes.map(({ label, left, right }) => [label, left, right])).toEqual([
    ["DME", 0, 0.3],
    ["CNV", null, 0],
  ]);
});
