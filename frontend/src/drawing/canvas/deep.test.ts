import { expect, test } from "vitest";

import { decodeDeep, deepLookup, inFileValues } from "./deep";

/** A PNG of one piece, whose checksums nobody looks at. */
async function png(width: number, height: number, rows: number[], bits = 16): Promise<Blob> {
  const packed = new Blob([new Uint8Array(rows)]).stream().pipeThrough(new CompressionStream("deflate"));
  const data = new Uint8Array(await new Response(packed).arrayBuffer());
  const number = (value: number) => [24, 16, 8, 0].map((shift) => (value >> shift) & 255);
  const chunk = (kind: string, content: number[]) => [
    ...number(content.length),
    ...[...kind].map((letter) => letter.charCodeAt(0)),
    ...content,
    ...[0, 0, 0, 0],
  ];
  const header = [...number(width), ...number(height), bits, 0, 0, 0, 0];
  const half = data.length >> 1;
  return new Blob([
    new Uint8Array([
      ...[0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a],
      ...chunk("IHDR", header),
      ...chunk("IDAT", [...data.subarray(0, half)]),
      ...chunk("IDAT", [...data.subarray(half)]),
      ...chunk("IEND", []),
    ]),
  ]);
}

test("values are whole words, with or without the difference from the pixel to the left", async () => {
  // 258 and 65535 plainly; 258 and 257 as differences of each byte: 257 is one less in the lower byte.
  const deep = await decodeDeep(await png(2, 2, [0, 1, 2, 255, 255, 1, 1, 2, 0, 255]));
  expect([...deep.values]).toEqual([258, 65535, 258, 257]);
  expect([deep.width, deep.height]).toEqual([2, 2]);
});

test.each([
  ["of 8 bits", () => png(1, 1, [0, 1], 8)],
  ["that is cut off", () => png(2, 1, [0, 1, 2])],
  ["with another filter", () => png(1, 1, [2, 1, 2])],
  ["that is none", () => Promise.resolve(new Blob(["GIF89a, which is long enough to be looked at"]))],
])("a PNG %s is refused", async (_, made) => {
  await expect(made().then(decodeDeep)).rejects.toThrow();
});

test("the whole window shows black and white where the picture does, and what lies beyond as these", () => {
  const lookup = deepLookup({ level: 127.5, width: 255 }, { black: 1000, white: 3000 });
  expect([0, 1000, 2000, 3000, 65535].map((value) => lookup[value])).toEqual([0, 0, 128, 255, 255]);
});

test("a narrow window tells values apart that are one in 8 bits, also beyond black and white", () => {
  const ends = { black: 0, white: 65535 };
  const narrow = deepLookup({ level: 10, width: 2 }, ends);
  expect(new Set([2400, 2500, 2600, 2700].map((value) => narrow[value])).size).toBe(4);
  const beyond = deepLookup({ level: 300, width: 60 }, { black: 0, white: 4095 });
  expect(beyond[4095]).toBeLessThan(beyond[5000]!);
});

test("a file that counts downwards is shown as it looks, and windows are told in its values", () => {
  const ends = { black: 4095, white: 0 };
  expect(deepLookup({ level: 127.5, width: 255 }, ends)[4095]).toBe(0);
  expect(inFileValues({ level: 0, width: 255 }, ends)).toEqual({ level: 4095, width: 4095 });
});
