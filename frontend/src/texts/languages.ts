/** Languages other than English, and which of them the page is shown in. */

import type { en } from "./en";

type Part<Texts> = Texts extends (...given: never[]) => unknown
  ? Texts
  : Texts extends object
    ? { readonly [Key in keyof Texts]?: Part<Texts[Key]> }
    : Texts;

/** The texts of a language, as many as are translated. */
export type Translation = Part<typeof en>;

/** The first language that the browser asks for and the page knows; "en" where it knows none of them. */
export function chosen(known: readonly string[], wanted: readonly string[]): string {
  for (const tag of wanted) {
    const language = tag.split("-")[0]!.toLowerCase();
    if (language === "en" || known.includes(language)) return language;
  }
  return "en";
}

/** All texts: those of a translation, and in place of those that it lacks the given ones. */
export function completed<Texts extends object>(texts: Texts, translation: Part<NoInfer<Texts>>): Texts {
  const own = translation as Record<string, unknown>;
  const all = Object.entries(texts).map(([key, text]: [string, unknown]) => [
    key,
    isGroup(text) && isGroup(own[key]) ? completed(text, own[key]) : (own[key] ?? text),
  ]);
  return Object.fromEntries(all) as Texts;
}

function isGroup(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
