/** The texts as a modality has them: with its word for a picture, and its own texts in place of the page's. */

import type { Modality } from "../api/types";

/** What a text says in place of the word for one picture and for several; a capital letter begins a sentence. */
const PLACES = /\{(picture|pictures|Picture|Pictures)\}/g;

type Words = Pick<Modality, "picture" | "words">;

/** The words for pictures whose modality is not known. */
const UNKNOWN: Words = { picture: "picture", words: {} };

/**
 * All texts in the words of a modality. `words` of its profile has its own texts by their place among the page's, such as
 * "volume.enfaceTitle", and under "pictures" the word for several where an "s" at the end does not make it.
 */
export function textsOf<Texts extends object>(texts: Texts, { picture, words } = UNKNOWN): Texts {
  const several = words["pictures"] ?? `${picture}s`;
  const said: Readonly<Record<string, string>> = {
    picture,
    pictures: several,
    Picture: capitalised(picture),
    Pictures: capitalised(several),
  };
  const written = (text: string) => text.replace(PLACES, (_, name: string) => said[name]!);
  const within = (value: unknown, path: string): unknown => {
    const own = words[path];
    if (typeof value === "string") return written(own ?? value);
    if (typeof value === "function") {
      const of = value as (...given: unknown[]) => unknown;
      return (...given: unknown[]) => {
        const text = own ?? of(...given);
        return typeof text === "string" ? written(text) : text;
      };
    }
    if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
    const parts = Object.entries(value).map(([key, part]) => [
      key,
      within(part, path ? `${path}.${key}` : key),
    ]);
    return Object.fromEntries(parts) as unknown;
  };
  return within(texts, "") as Texts;
}

function capitalised(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
