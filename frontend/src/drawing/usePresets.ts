import { useModality } from "../api/options";
import { PLAIN, type Preset, presetsOf } from "./presets";

/** The presets of a modality, by its name. */
export function usePresets(name: string): readonly Preset[] {
  const modality = useModality(name);
  return modality ? presetsOf(modality) : PLAIN;
}
