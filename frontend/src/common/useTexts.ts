import { useModality } from "../api/options";
import { texts } from "../texts";
import { textsOf } from "../texts/modality";
import { textsIn } from "./modality";

const unknown = textsOf(texts);

/** The texts in the words of a modality, by its name. */
export function useTexts(name: string): typeof texts {
  const modality = useModality(name);
  return modality ? textsIn(modality) : unknown;
}
