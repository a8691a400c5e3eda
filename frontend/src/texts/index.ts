/** Every text of the page, in the browser's language where there is a translation. */

import { en } from "./en";
import { chosen, completed, type Translation } from "./languages";

/** A row for each language but English, by its code, such as `de`. */
const translations: Readonly<Record<string, Translation>> = {};

export const language = chosen(Object.keys(translations), globalThis.navigator?.languages ?? []);
export const texts = completed<typeof en>(en, translations[language] ?? {});
