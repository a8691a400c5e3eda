/** The kinds of files that can be uploaded: those of one modality, or of all that the user works with. */

import type { MostBytes } from "../api/options";
import type { Modality } from "../api/types";
import { texts } from "../texts";
import formats from "./formats.json";

/** Both empty until the modalities are known. */
export interface Kinds {
  /** For people. */
  words: string;
  /** For the choice of files. */
  accept: string;
}

interface Format {
  name: string;
  accept: string;
}

/** What the profiles name; a modality that names none has the formats of pictures. */
export function kindsOf(modalities: readonly Modality[], most: MostBytes | undefined): Kinds {
  if (modalities.length === 0 || !most) return { words: "", accept: "" };
  const has = (modality: Modality) => (format: Format) =>
    (modality.formats.length > 0 ? modality.formats : names(formats.pictures)).includes(format.name);
  const ofAny = (known: readonly Format[], among: readonly Modality[]) =>
    known.filter((format) => among.some((modality) => has(modality)(format)));
  const pictures = ofAny(formats.pictures, modalities);
  const volumes = ofAny(
    formats.volumes,
    modalities.filter((modality) => modality.volumes),
  );
  const untried = names(volumes).filter((name) => formats.untried.includes(name));
  return {
    words: texts.upload.kinds(names(pictures), names(volumes), untried, most),
    accept: [...pictures, ...volumes].map(({ accept }) => accept).join(","),
  };
}

function names(known: readonly Format[]): string[] {
  return known.map(({ name }) => name);
}
