// @vitest-environment jsdom

import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";

import { answer, serve, token } from "../../testing/server";
import { storage } from "../../testing/storage";
import type { Tool } from "../draft";
import { Drawing } from "../Drawing";
import { DrawingCanvas } from "./DrawingCanvas";
import { PictureCanvas } from "./PictureCanvas";

vi.mock("idb-keyval", () => import("../../testing/storage"));

const SIZE = { width: 400, height: 300 };
/** Around the scan, which is shown whole and in its own size. */
const MARGIN = 12;

type Place = [x: number, y: number];

let container: HTMLDivElement;
let canvas: PictureCanvas;
let drawing: Drawing;

beforeEach(async () => {
  vi.useFakeTimers();
  storage.clear();
  serve(({ path }) => answer(path.startsWith("auth/") ? { access: token("u1") } : []));
  // jsdom draws and measures nothing, and captures no pointer.
  const nothing = () => undefined;
  const context = new Proxy({}, { get: () => () => ({ data: [], width: 0 }), set: () => true });
  vi.spyOn(HTMLCanvasElement.prototype, "getContext").mockReturnValue(context as never);
  vi.stubGlobal(
    "ResizeObserver",
    class {
      observe = nothing;
      disconnect = nothing;
    },
  );
  container = document.createElement("div");
  Object.assign(container, { setPointerCapture: nothing });
  Object.defineProperties(container, {
    clientWidth: { value: SIZE.width + 2 * MARGIN },
    clientHeight: { value: SIZE.height + 2 * MARGIN },
  });
  canvas = new PictureCanvas(container, SIZE, { onView: nothing, onWindow: nothing });
  drawing = new Drawing("u1", "s1", true);
  drawing.load();
  await vi.advanceTimersByTimeAsync(0);
  new DrawingCanvas(canvas, drawing, SIZE, nothing);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  canvas.destroy();
  drawing.stop();
});

/** What happens to a finger, or to the mouse, at a place on the scan. */
function happens(type: string, [x, y]: Place, finger?: number): void {
  container.dispatchEvent(
    new PointerEvent(type, {
      clientX: x + MARGIN,
      clientY: y + MARGIN,
      pointerId: finger ?? 9,
      pointerType: finger === undefined ? "mouse" : "touch",
    }),
  );
}

function drag(tool: Tool, from: Place, ...to: Place[]): void {
  drawing.setTool(tool);
  happens("pointerdown", from);
  for (const place of to) happens("pointermove", place);
  happens("pointerup", to.at(-1) ?? from);
}

/** Two fingers, one after the other, that move apart. */
function pinch(first: Place, second: Place): void {
  happens("pointerdown", first, 1);
  happens("pointerdown", second, 2);
  happens("pointermove", [second[0] + 50, second[1]], 2);
  happens("pointerup", first, 1);
  happens("pointerup", [second[0] + 50, second[1]], 2);
}

const drawn = () => drawing.snapshot().shapes.map(({ geometry }) => geometry);

describe("a pointer that is dragged", () => {
  it("draws and moves shapes where browsers don't tell each of its places, as over plain HTTP", () => {
    const { getCoalescedEvents } = PointerEvent.prototype;
    Reflect.deleteProperty(PointerEvent.prototype, "getCoalescedEvents");
    onTestFinished(() => void Object.assign(PointerEvent.prototype, { getCoalescedEvents }));

    drag("box", [10, 20], [60, 40], [110, 70]);
    drag("freehand", [200, 20], [250, 60], [300, 20]);
    drag("select", [50, 50], [70, 50]);

    expect(drawn()).toEqual([
      { kind: "box", x: 30, y: 20, width: 100, height: 50 },
      { kind: "freehand", points: [200, 20, 250, 60, 300, 20], closed: false },
    ]);
  });
});

describe("a point", () => {
  it("is set by a click, and where a finger that slips is lifted", () => {
    drag("point", [30, 40]);
    drawing.setTool("point");
    happens("pointerdown", [80, 90], 1);
    happens("pointermove", [100, 95], 1);
    happens("pointerup", [100, 95], 1);

    expect(drawn()).toEqual([
      { kind: "point", x: 30, y: 40 },
      { kind: "point", x: 100, y: 95 },
    ]);
  });
});

describe("two fingers", () => {
  it.each(["box", "ellipse", "polygon", "freehand", "point", "caliper"] as const)(
    "zoom, and draw no %s",
    (tool) => {
      drawing.setTool(tool);

      pinch([100, 100], [150, 100]);

      expect(canvas.viewport.zoom()).toBeCloseTo(2);
      expect(drawn()).toEqual([]);
    },
  );

  it("leave a polygon as far as it is, though the first one touches a corner that would close it", () => {
    drawing.setTool("polygon");
    for (const corner of [
      [100, 50],
      [200, 50],
      [200, 150],
    ] satisfies Place[]) {
      happens("pointerdown", corner, 1);
      happens("pointerup", corner, 1);
    }

    pinch([205, 155], [300, 155]);
    expect(drawn()).toEqual([]);
    canvas.viewport.fit();
    for (const corner of [
      [100, 150],
      [100, 50],
    ] satisfies Place[]) {
      happens("pointerdown", corner, 1);
      happens("pointerup", corner, 1);
    }

    expect(drawn()).toEqual([{ kind: "polygon", points: [100, 50, 200, 50, 200, 150, 100, 150] }]);
  });
});
