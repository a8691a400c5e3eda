/** Windows of grey values to choose from, as the profile of a modality has them. */

import type { Modality } from "../api/types";
import { texts } from "../texts";
import type { GreyWindow } from "./canvas/pictures";

export interface Preset {
  title: string;
  window: GreyWindow;
}

const WHITE = 255;
/** For every modality: the grey values closer together than the picture has them. */
const SOFT: Preset = { title: texts.drawing.softWindow, window: { level: 127.5, width: 400 } };
/** Where the modality is not known. */
export const PLAIN: readonly Preset[] = [SOFT];
/** The same objects again for the same modality: which of them is shown is known by its identity. */
const made = new WeakMap<Modality, readonly Preset[]>();

/** The presets of a modality, whose windows are given by their ends: 0 is what the picture shows as black, 1 as white. */
export function presetsOf(modality: Modality): readonly Preset[] {
  const known = made.get(modality) ?? [...modality.windows.map(presetOf), SOFT];
  made.set(modality, known);
  return known;
}

function presetOf({ title, low, high }: Modality["windows"][number]): Preset {
  return {
    title,
    window: { level: tenths(((low + high) / 2) * WHITE), width: tenths((high - low) * WHITE) },
  };
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}
