import { expect, test } from "vitest";

import { laterBy, momentOf } from "./time";

const on = (acquired: string, timestamp = "2026-01-01T10:00:00Z") => ({ acquired, timestamp });

test("a month begins on its first day, and what has no day stands at its upload", () => {
  expect(momentOf(on("2025-07"))).toBe(Date.UTC(2025, 6, 1));
  expect(momentOf(on(""))).toBe(Date.UTC(2026, 0, 1, 10));
});

test.each([
  ["2025-01-01", "2025-01-01", "on the same day"],
  ["2025-01-01", "2025-01-02", "1 day later"],
  ["2025-01-01", "2025-02-01", "31 days later"],
  ["2025-01", "2025-02-01", "about 31 days later"],
  ["2025-01-01", "2025-07-02", "6 months later"],
  ["2022-01-01", "2025-07-02", "3.5 years later"],
])("from %s to %s it is %s", (one, other, words) => expect(laterBy(on(one), on(other))).toBe(words));
