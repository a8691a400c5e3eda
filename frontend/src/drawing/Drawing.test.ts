// @vitest-environment jsdom

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import type { Annotation } from "../api/types";
import { answer, type Answer, refusal, serve, token } from "../testing/server";
import { storage } from "../testing/storage";
import { Drawing } from "./Drawing";
import type { Geometry } from "./kinds";
import { toSelector } from "./w3c";

vi.mock("idb-keyval", () => import("../testing/storage"));

const BOX: Geometry = { kind: "box", x: 1, y: 2, width: 30, height: 40 };
const OWN = {
  id: "a1",
  revision: 1,
  mine: true,
  target: { source: "", selector: toSelector(BOX) },
  label: "",
  comment: "",
} as Annotation;

/** What the server answers when it is asked for the drawing. */
let listed: () => Answer;
let drawing: Drawing;

beforeEach(() => {
  vi.useFakeTimers();
  storage.clear();
  listed = () => answer([OWN]);
  serve(({ path }) => (path.startsWith("auth/") ? answer({ access: token("u1") }) : listed()));
  drawing = new Drawing("u1", "s1", true);
});
afterEach(() => {
  drawing.stop();
  vi.useRealTimers();
});

const settled = () => vi.advanceTimersByTimeAsync(0);

describe("a drawing that could not be loaded", () => {
  beforeEach(async () => {
    listed = () => Promise.reject(new TypeError("network"));
    drawing.load();
    await settled();
  });

  it("is not called saved, says why, and takes no shape", () => {
    const { saveState, loaded, problem } = drawing.snapshot();
    expect([saveState, loaded, problem?.code]).toEqual(["loading", false, "offline"]);
    expect(drawing.takesShapes).toBe(false);
  });

  it("is loaded as soon as the server is back", async () => {
    listed = () => answer([OWN]);
    await drawing.flush();
    await settled();
    const { saveState, loaded, problem, shapes } = drawing.snapshot();
    expect([saveState, loaded, problem]).toEqual(["saved", true, null]);
    expect(shapes.map(({ geometry }) => geometry)).toEqual([BOX]);
    expect(drawing.takesShapes).toBe(true);
  });

  it("is tried again by itself", async () => {
    listed = () => answer([OWN]);
    await vi.runAllTimersAsync();
    expect(drawing.snapshot().loaded).toBe(true);
  });

  it("is not tried again once its scan is left", async () => {
    listed = vi.fn(() => refusal(503));
    drawing.stop();
    await vi.runAllTimersAsync();
    expect(listed).not.toHaveBeenCalled();
  });
});

describe("a drawing that the server takes long to tell", () => {
  it("takes no shape until it is known", async () => {
    let tell = (): void => undefined;
    listed = () => new Promise((resolve) => (tell = () => resolve(answer([OWN]))));
    drawing.load();
    await settled();
    expect([drawing.snapshot().saveState, drawing.takesShapes]).toEqual(["loading", false]);
    tell();
    await settled();
    expect([drawing.snapshot().saveState, drawing.takesShapes]).toEqual(["saved", true]);
  });
});

describe("a drawing that may not be seen", () => {
  it("is not asked for again", async () => {
    listed = vi.fn(() => refusal(403, "permission_denied"));
    drawing.load();
    await vi.runAllTimersAsync();
    expect(listed).toHaveBeenCalledOnce();
    expect(drawing.snapshot().problem?.code).toBe("permission_denied");
  });
});
