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

/** What happens to the mouse at a place on the scan. */
function happens(type: string, [x, y]: Place): void {
  container.dispatchEvent(
    new PointerEvent(type, { clientX: x + MARGIN, clientY: y + MARGIN, pointerType: "mouse" }),
  );
}

function drag(tool: Tool, from: Place, ...to: Place[]): void {
  drawing.setTool(tool);
  happens("pointerdown", from);
  for (const place of to) happens("pointermove", place);
  happens("pointerup", to.at(-1) ?? from);
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
