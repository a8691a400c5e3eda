import { describe, expect, it } from "vitest";

import { followed, type SearchField } from "./searchField";

/** A field whose words have been searched for. */
function searched(words: string): SearchField {
  const asked = words.trim();
  return followed({ words, asked, given: "" }, asked);
}

describe("the search field", () => {
  it("keeps the space that was typed on the way to the next word", () => {
    expect(searched("macular ").words).toBe("macular ");
  });

  it("keeps what was typed while the words before were being searched for", () => {
    expect(followed({ words: "wanda", asked: "wan", given: "" }, "wan").words).toBe("wanda");
  });

  it("is empty once the filters are cleared, and has the words again on the way back", () => {
    const cleared = followed(searched("wanda"), "");
    expect(cleared.words).toBe("");
    expect(followed(cleared, "wanda").words).toBe("wanda");
  });
});
