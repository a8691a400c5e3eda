import { expect, it } from "vitest";

import { begin, everywhere, redo, step, undo } from "./history";

it("takes back every step and does it again", () => {
  let history = begin(0);
  for (let value = 1; value <= 500; value++) history = step(history, value);
  for (let value = 499; value >= 0; value--) {
    history = undo(history);
    expect(history.present).toBe(value);
  }
  expect(undo(history)).toBe(history);
  for (let value = 1; value <= 500; value++) history = redo(history);
  expect(history.present).toBe(500);
  expect(redo(history)).toBe(history);
});

it("forgets what was taken back when something else is done", () => {
  const history = step(undo(step(begin("a"), "b")), "c");
  expect(redo(history).present).toBe("c");
  expect(undo(history).present).toBe("a");
});

it("keeps what came from elsewhere through undo and redo", () => {
  let history = everywhere(step(begin(["a"]), ["a", "b"]), (shapes) => [...shapes, "theirs"]);
  history = undo(history);
  expect(history.present).toEqual(["a", "theirs"]);
  expect(redo(history).present).toEqual(["a", "b", "theirs"]);
});
