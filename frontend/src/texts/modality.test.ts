import { describe, expect, it } from "vitest";

import { textsOf } from "./modality";

const texts = {
  volume: {
    place: (at: number) => `{Picture} ${at}`,
    several: "The lines of the {pictures}",
    front: "The eye from the front",
  },
};

describe("the texts of a modality", () => {
  it("have its word for a picture", () => {
    const { volume } = textsOf(texts, { picture: "slice", words: {} });
    expect([volume.place(3), volume.several]).toEqual(["Slice 3", "The lines of the slices"]);
  });

  it("have its own word for several pictures, and its own texts", () => {
    const words = { pictures: "views of it", "volume.front": "From above" };
    const { volume } = textsOf(texts, { picture: "view", words });
    expect([volume.several, volume.front]).toEqual(["The lines of the views of it", "From above"]);
  });

  it("speak of pictures where the modality is not known", () => {
    expect(textsOf(texts).volume.several).toBe("The lines of the pictures");
  });
});
