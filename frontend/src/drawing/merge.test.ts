// @vitest-environment jsdom

import { describe, expect, it } from "vitest";

import type { Annotation } from "../api/types";
import { isUnsaved, merge, shapeOf } from "./merge";
import type { Geometry } from "./kinds";
import { newShape, type Shape } from "./shapes";
import { toSelector } from "./w3c";

const BOX: Geometry = { kind: "box", x: 1, y: 2, width: 30, height: 40 };
const MOVED: Geometry = { ...BOX, x: 100 };

/** A shape as the server has it. */
function onServer(geometry: Geometry, id = "one", revision = 1): Annotation {
  return {
    id,
    revision,
    target: { source: "", selector: toSelector(geometry) },
    label: "",
    comment: "",
  } as Annotation;
}

function kept(shapes: Shape[], saved: [Shape, string, number][] = []) {
  return {
    shapes,
    saved: Object.fromEntries(saved.map(([shape, id, revision]) => [shape.key, { id, revision, shape }])),
  };
}

describe("bringing server and browser together", () => {
  it("takes what the server has where the browser has kept nothing", () => {
    const merged = merge([onServer(BOX)], undefined);
    expect(merged.shapes.map(({ geometry }) => geometry)).toEqual([BOX]);
    expect(isUnsaved(merged)).toBe(false);
  });

  it("keeps a shape that was never sent", () => {
    const merged = merge([onServer(BOX)], kept([newShape(MOVED)]));
    expect(merged.shapes).toHaveLength(2);
    expect(isUnsaved(merged)).toBe(true);
  });

  it("sends a shape only once although the answer to the first time was lost", () => {
    const own = newShape(BOX);
    const merged = merge([onServer(BOX)], kept([own]));
    expect(merged.shapes).toEqual([own]);
    expect(isUnsaved(merged)).toBe(false);
  });

  it("keeps a change that was not sent", () => {
    const before = newShape(BOX);
    const merged = merge([onServer(BOX)], kept([{ ...before, geometry: MOVED }], [[before, "one", 1]]));
    expect(merged.shapes.map(({ geometry }) => geometry)).toEqual([MOVED]);
    expect(isUnsaved(merged)).toBe(true);
    expect(merged.conflict).toBe(false);
  });

  it("takes a change from elsewhere where nothing was changed here", () => {
    const before = newShape(BOX);
    const merged = merge([onServer(MOVED, "one", 2)], kept([before, newShape(BOX)], [[before, "one", 1]]));
    expect(merged.shapes[0]?.geometry).toEqual(MOVED);
    expect(merged.conflict).toBe(false);
  });

  it("keeps both where a shape was changed here and elsewhere", () => {
    const before = newShape(BOX);
    const here = { ...before, comment: "mine" };
    const merged = merge([onServer(MOVED, "one", 2)], kept([here], [[before, "one", 1]]));
    expect(merged.conflict).toBe(true);
    expect(merged.shapes.map(({ geometry, comment }) => [geometry, comment])).toEqual([
      [MOVED, ""],
      [BOX, "mine"],
    ]);
  });

  it("knows its own change although the answer was lost", () => {
    const before = newShape(BOX);
    const merged = merge(
      [onServer(MOVED, "one", 2)],
      kept([{ ...before, geometry: MOVED }], [[before, "one", 1]]),
    );
    expect(merged.conflict).toBe(false);
    expect(merged.shapes).toEqual([{ ...before, geometry: MOVED }]);
    expect(isUnsaved(merged)).toBe(false);
  });

  it("knows its own comment as the server keeps it", () => {
    const before = newShape(BOX);
    const stored = { ...onServer(BOX, "one", 2), comment: "drusen" };
    const merged = merge([stored], kept([{ ...before, comment: "drusen " }], [[before, "one", 1]]));
    expect(merged.conflict).toBe(false);
    expect(isUnsaved(merged)).toBe(false);
  });

  it("deletes what was deleted here, and forgets what was deleted elsewhere", () => {
    const before = newShape(BOX);
    const deletedHere = merge([onServer(BOX)], kept([], [[before, "one", 1]]));
    expect(deletedHere.shapes).toEqual([]);
    expect(isUnsaved(deletedHere)).toBe(true);

    const deletedElsewhere = merge([], kept([before], [[before, "one", 1]]));
    expect(deletedElsewhere.shapes).toEqual([]);
  });

  it("leaves out what can't be shown", () => {
    const odd = {
      ...onServer(BOX),
      target: { source: "", selector: { type: "SvgSelector", value: "<svg/>" } },
    };
    expect(shapeOf(odd as Annotation)).toBeNull();
    expect(merge([odd as Annotation], undefined).shapes).toEqual([]);
  });
});
