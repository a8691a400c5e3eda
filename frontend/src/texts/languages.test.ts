import { describe, expect, it } from "vitest";

import { en } from "./en";
import { chosen, completed, type Translation } from "./languages";

const GERMAN: Translation = {
  common: { cancel: "Abbrechen", eyes: { OD: "Rechts (OD)" } },
  upload: { begin: (count) => `${count} Dateien hochladen` },
};

describe("the language of the page", () => {
  it.each([
    [["de-CH", "en"], "de"],
    [["DE"], "de"],
    [["en-GB", "de"], "en"],
    [["fr", "de"], "de"],
    [["fr"], "en"],
    [[], "en"],
  ])("is, of %j, %s", (wanted, language) => expect(chosen(["de"], wanted)).toBe(language));
});

describe("a language that is translated in part", () => {
  const texts = completed(en, GERMAN);

  it("has its own texts", () => {
    expect([texts.common.cancel, texts.common.eyes.OD]).toEqual(["Abbrechen", "Rechts (OD)"]);
    expect(texts.upload.begin(3)).toBe("3 Dateien hochladen");
  });

  it("has the English ones for all others", () => {
    expect(texts.common.eyes.OS).toBe(en.common.eyes.OS);
    expect(texts.upload.sameForAll).toBe(en.upload.sameForAll);
    expect(Object.keys(texts)).toEqual(Object.keys(en));
  });
});
