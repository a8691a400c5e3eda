import { describe, expect, it } from "vitest";

import { addVertex, dropVertex, finished, follow, start, type Drawn } from "./draft";

/** A shape that is drawn from point to point, as by a pointer that is held down. */
function dragged(tool: Drawn["tool"], ...points: [number, number][]): Drawn {
  const [[x, y] = [0, 0], ...others] = points;
  return others.reduce((drawn, place) => follow(drawn, ...place), start(tool, x, y));
}

describe("a shape that is being drawn", () => {
  it.each([
    [dragged("box", [10, 20], [4, 60]), { kind: "box", x: 4, y: 20, width: 6, height: 40 }],
    [dragged("ellipse", [0, 0], [20, 10]), { kind: "ellipse", x: 10, y: 5, rx: 10, ry: 5 }],
    [dragged("caliper", [1, 2], [4, 6]), { kind: "caliper", x1: 1, y1: 2, x2: 4, y2: 6 }],
    [dragged("point", [1.239, 2]), { kind: "point", x: 1.24, y: 2 }],
    [
      dragged("freehand", [0, 0], [50, 0], [50, 30]),
      { kind: "freehand", points: [0, 0, 50, 0, 50, 30], closed: false },
    ],
  ])("becomes what was meant: $tool", (drawn, geometry) => expect(finished(drawn)).toEqual(geometry));

  it.each([
    dragged("box", [10, 20], [10.4, 60]),
    dragged("caliper", [5, 5], [5.5, 5]),
    dragged("polygon", [5, 5], [50, 5]),
    dragged("freehand", [5, 5]),
  ])("is nothing as long as it covers nothing: $tool", (drawn) => expect(finished(drawn)).toBeNull());
});

describe("a freehand line", () => {
  it("is closed where its ends come near", () => {
    const line = dragged("freehand", [0, 0], [50, 0], [50, 50], [0, 50], [3, 4]);
    expect(finished(line)).toMatchObject({ closed: true });
  });
});

describe("a polygon", () => {
  it("counts a corner once that was set twice, as by a double-click", () => {
    const drawn = [
      [50, 0],
      [50, 50],
      [50, 50],
    ].reduce((all, [x = 0, y = 0]) => addVertex(all, x, y), start("polygon", 0, 0));
    expect(finished(drawn)).toEqual({ kind: "polygon", points: [0, 0, 50, 0, 50, 50] });
  });

  it("loses its last corner, and is given up with its first", () => {
    const drawn = addVertex(start("polygon", 0, 0), 50, 0);
    expect(dropVertex(drawn)?.points).toEqual([0, 0]);
    expect(dropVertex(start("polygon", 0, 0))).toBeNull();
  });
});
