import { expect, test } from "vitest";

import { CHEST, OCT } from "../testing/modalities";
import { kindsOf } from "./kinds";

const MOST = { picture: 32 * 2 ** 20, volume: 256 * 2 ** 20 };
const X_RAY = { ...CHEST, formats: ["PNG", "DICOM"] };
const B_SCAN = { ...OCT, formats: ["PNG", "TIFF", "Heidelberg .vol", "Zeiss .img"] };

test("a modality has the kinds of files that its profile names", () => {
  const { words, accept } = kindsOf([X_RAY], MOST);
  expect(words).toMatch(/^PNG or DICOM, up to 32 MB each\. Names/);
  expect(accept).toBe("image/png,.png,application/dicom,.dcm,.dicom");
});

test("a modality with volumes has kinds of these, too, and says which were not tried", () => {
  const { words, accept } = kindsOf([B_SCAN], MOST);
  expect(words).toMatch(/^PNG or TIFF, .*; volumes as TIFF, Heidelberg \.vol or Zeiss \.img, up to 256 MB/);
  expect(words).toContain("(Zeiss .img: not tried");
  expect(accept).toContain(".vol");
});

test("with several, all of theirs can be sent", () => {
  expect(kindsOf([B_SCAN, X_RAY], MOST).words).toMatch(/^PNG, TIFF or DICOM, .*; volumes as TIFF/);
});

test("without names in the profile these are the pictures, and of them those that hold volumes", () => {
  expect(kindsOf([CHEST], MOST).words).toMatch(/^PNG, JPEG, TIFF, BMP, WebP or DICOM, up to 32 MB each\. /);
  expect(kindsOf([OCT], MOST).words).toContain("; volumes as TIFF or DICOM, up to 256 MB. ");
});

test("how large files may be is the server's to say", () => {
  const { words } = kindsOf([B_SCAN], { picture: 8 * 2 ** 20, volume: 64 * 2 ** 20 });
  expect(words).toMatch(/up to 8 MB each; .*, up to 64 MB /);
});

test("nothing is said before the modalities are known", () => {
  expect(kindsOf([], MOST)).toEqual({ words: "", accept: "" });
  expect(kindsOf([OCT], undefined)).toEqual({ words: "", accept: "" });
});
