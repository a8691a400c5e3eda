import { describe, expect, it } from "vitest";

import { texts } from "../texts";
import { readNumber } from "./number";

const RANGE = { min: 0.1, max: 1000 };

describe("readNumber", () => {
  it.each([
    ["11.3", 11.3],
    ["11,3", 11.3],
    [" 3,87 ", 3.87],
    ["4", 4],
    ["4,", 4],
    [",5", 0.5],
    ["+7", 7],
    ["1,234", 1.234],
    ["1000", 1000],
    ["", null],
    ["  ", null],
  ])("reads %j", (text, value) => expect(readNumber(text, RANGE)).toEqual({ value }));

  it.each([
    "1,234.5",
    "1.234,5",
    "1,2,3",
    "1 000",
    "1'000",
    "11,3 µm",
    "eleven",
    ".",
    ",",
    "0x10",
    "1e2",
    "١١",
    "-",
  ])("says that %j is no number", (text) =>
    expect(readNumber(text, RANGE)).toEqual({ problem: texts.problems.noNumber }),
  );

  it.each(["0", "0,09", "1000,1", "-5", "11300"])("says that %j is out of range", (text) =>
    expect(readNumber(text, RANGE)).toEqual({ problem: texts.problems.outOfRange(0.1, 1000) }),
  );
});
