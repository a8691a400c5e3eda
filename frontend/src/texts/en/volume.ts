import type { BScan } from "../../api/types";
import { common } from "./common";

export const volume = {
  answer: "What the model says of the volume",
  place: (place: number, count: number) => `{Picture} ${place} of ${count}`,
  slider: "{Picture}",
  valueText: ({ place, status, state, label }: BScan, count: number) => {
    const said =
      status !== "predicted" || state === null ? "" : state === "answered" ? label : common.states[state];
    return [`{Picture} ${place + 1} of ${count}`, said].filter(Boolean).join(", ");
  },
  before: "{Picture} before (Page Up)",
  after: "Next {picture} (Page Down)",
  waiting: (left: number, count: number) => `${left} of ${count} {pictures} wait for the model.`,
  said: (said: string, count: number) => `${said}: ${count === 1 ? "1 {picture}" : `${count} {pictures}`}`,
  failed: (count: number) =>
    count === 1 ? "The model server refuses 1 {picture}." : `The model server refuses ${count} {pictures}.`,
  gap: (place: number, reason: string) =>
    [`{Picture} ${place} is missing.`, reason].filter(Boolean).join(" "),
  toNamed: (place: number) => `Go to the {picture} that decides, ${place}`,
  enfaceTitle: "From the front",
  enface: "En-face image with the lines of the {pictures}",
  schematic: "The lines of the {pictures}",
  noEnface: "The file has no en-face image. The lines are drawn as far apart as the {pictures} are.",
  notLocated: "The file does not say where its {pictures} lie.",
  wholeMap: "Heat map of the whole volume",
  wholeMapHelp:
    "How strongly the model looked at each column of each {picture}, for the label that it gave it. {Pictures} that it has not answered stay empty.",
  verdict: "Your verdict on the volume",
  unfinished: "Finish the shape, or give it up with Escape, before you go on to another {picture}.",
  legend: "Height: how urgent. Filled: answered, hatched: undecided, hollow: not answered.",
};
