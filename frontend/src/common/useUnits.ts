import { useModality } from "../api/options";
import { UNKNOWN_UNITS, type Units } from "./units";

/** The units of a modality, by its name. */
export function useUnits(name: string): Units {
  return useModality(name) ?? UNKNOWN_UNITS;
}
