import type { BScan } from "../../api/types";
import { common } from "./common";

export const volume = {
  answer: "What the model says of the volume",
  place: (place: number, count: number) => `B-scan ${place} of ${count}`,
  slider: "B-scan",
  valueText: ({ place, status, state, label }: BScan, count: number) => {
    const said =
      status !== "predicted" || state === null ? "" : state === "answered" ? label : common.states[state];
    return [`B-scan ${place + 1} of ${count}`, said].filter(Boolean).join(", ");
  },
  before: "B-scan before (Page Up)",
  after: "Next B-scan (Page Down)",
  waiting: (left: number, count: number) => `${left} of ${count} B-scans wait for the model.`,
  said: (said: string, count: number) => `${said}: ${count === 1 ? "1 B-scan" : `${count} B-scans`}`,
  failed: (count: number) =>
    count === 1 ? "The model server refuses 1 B-scan." : `The model server refuses ${count} B-scans.`,
  gap: (place: number, reason: string) => [`B-scan ${place} is missing.`, reason].filter(Boolean).join(" "),
  toNamed: (place: number) => `Go to the B-scan that decides, ${place}`,
  enfaceTitle: "The eye from the front",
  enface: "En-face image with the lines of the B-scans",
  schematic: "The lines of the B-scans",
  noEnface: "The file has no en-face image. The lines are drawn as far apart as the B-scans are.",
  notLocated: "The file does not say where its B-scans lie.",
  eyeMap: "Heat map of the whole eye",
  eyeMapHelp:
    "How strongly the model looked at each column of each B-scan, for the label that it gave it. B-scans that it has not answered stay empty.",
  verdict: "Your verdict on the volume",
  unfinished: "Finish the shape, or give it up with Escape, before you go on to another B-scan.",
  legend: "Height: how urgent. Filled: answered, hatched: undecided, hollow: not answered.",
};
