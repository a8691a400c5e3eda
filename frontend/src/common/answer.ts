/** The model's answer to a scan: one label, several that it can't tell apart, or none. */

import type { Scan } from "../api/types";
import { texts } from "../texts";
import { capitalised, formatProbability } from "./format";

/** The fields of a scan that hold the answer. `state` is null in predictions by model versions that give none. */
export type Answered = Pick<
  Scan,
  "prediction" | "confidence" | "probabilities" | "state" | "because" | "prediction_set" | "group" | "known"
>;

/** The code of `because` where the findings contradict the label that the model would have named. */
export const CONTRADICTED = "findings_contradict";

/** Whether the model names one label. */
export function namesLabel({ state }: Pick<Answered, "state">): boolean {
  return state === "answered" || state === null;
}

/** The labels that the model names: one, those that it can't tell apart, or none. */
export function namedLabels(answer: Answered): string[] {
  if (namesLabel(answer)) return answer.prediction === null ? [] : [answer.prediction];
  return answer.state === "undecided" ? leftOpen(answer) : [];
}

/** The labels that the model can't rule out. Without a prediction set: the label that its findings contradict. */
function leftOpen({ because, prediction, prediction_set: labels }: Answered): string[] {
  return labels ?? (because === CONTRADICTED && prediction !== null ? [prediction] : []);
}

/** The labels of an undecided answer in words. */
function openLabels(answer: Answered): string {
  const labels = texts.common.labels(namedLabels(answer));
  return answer.because === CONTRADICTED ? texts.common.orElse(labels) : labels;
}

/** The headline of an answer: the label, the group, the possible labels, or that there is no answer. */
export function headline(answer: Answered): string {
  if (answer.state === "not_answered") return texts.common.states.not_answered;
  if (namesLabel(answer)) return answer.prediction ?? "";
  const labels = openLabels(answer) || texts.common.states.undecided;
  return answer.group ? capitalised(answer.group) : labels;
}

/** The probabilities of some labels in words, such as "AMD 48%, CNV 40%". */
export function shares({ probabilities }: Answered, labels: readonly string[]): string {
  const of = (label: string) => formatProbability(probabilities[label] ?? 0);
  return labels.map((label) => texts.common.withShare(label, of(label))).join(", ");
}

/** The answer in a few words, with a probability where there is one label. */
export function oneLine(answer: Answered): string {
  if (answer.state === "not_answered") return texts.common.notAnswered;
  if (answer.state === "undecided") {
    return texts.common.undecided(answer.group || openLabels(answer));
  }
  return texts.common.withShare(answer.prediction ?? "", formatProbability(answer.confidence ?? 0));
}

/** Why the model answers as far as it does, and no further; empty where that is not known. */
export function why(answer: Answered): string {
  const { because } = answer;
  if (because === null) return "";
  const text = texts.common.because[because];
  return text ? text(leftOpen(answer).join(", ")) : texts.common.becauseOfRule(because);
}

/** Whether the confidence is calibrated: it is where it was measured, in answers to pictures that the model knows. */
export function isCalibrated({ state, known }: Answered): boolean {
  return state === "answered" && known === true;
}

/** Every label with its probability, most probable first. */
export function ranked(probabilities: Scan["probabilities"]): [string, number][] {
  return Object.entries(probabilities).sort(([, first], [, second]) => second - first);
}
