/** What people are told of a scan by its modality: its words, its units, and the details that it has. */

import type { Modality } from "../api/types";
import { texts } from "../texts";
import { textsOf } from "../texts/modality";

const made = new WeakMap<Modality, typeof texts>();

/** The texts in the words of a modality. */
export function textsIn(modality: Modality): typeof texts {
  const known = made.get(modality) ?? textsOf(texts, modality);
  made.set(modality, known);
  return known;
}

/** What a scan has beside the details of every scan, by the names of its modality's fields. */
export type Fields = Readonly<Record<string, string>>;

/** Whether the eye is told: a modality may have none, and then only a wrong entry has one. */
export function tellsEye(modality: Modality | undefined, eye: string): boolean {
  return eye !== "" || modality?.eye !== false;
}

/** The fields of a scan as people read them: a title, and the title of the value, or empty. */
export function fieldsInWords(modality: Modality | undefined, given: Fields): [string, string][] {
  return (modality?.fields ?? []).map(({ name, title, choices }) => {
    const value = given[name] ?? "";
    return [title, choices.find((choice) => choice.value === value)?.title ?? value];
  });
}
