// @vitest-environment jsdom

import { QueryClient } from "@tanstack/react-query";
import { beforeEach, describe, expect, it, vi } from "vitest";

import type { Annotation, Scan } from "../api/types";
import type { Geometry } from "../drawing/kinds";
import { useDrawing } from "../drawing/useDrawing";
import { toSelector } from "../drawing/w3c";
import { called } from "../testing/hooks";
import { answer, type Answer, refusal, serve, token } from "../testing/server";
import { storage } from "../testing/storage";
import { useStack } from "../volume/useStack";
import { useCopying } from "./useCopying";

vi.mock("idb-keyval", () => import("../testing/storage"));

const SCANS = ["b1", "b2", "b3"].map((id) => ({ id, image_path: `${id}.png`, deep_path: null })) as Scan[];
const BOX: Geometry = { kind: "box", x: 1, y: 2, width: 30, height: 40 };
const DRAWN = {
  id: "a1",
  revision: 1,
  mine: true,
  target: { source: "", selector: toSelector(BOX) },
  label: "CNV",
  comment: "",
} as Annotation;

/** Whether a shape is being drawn, amid which nobody leafs on. */
const unfinished = { current: () => false };
/** What the server answers when it is asked for the drawing on the second B-scan. */
let onSecond: () => Answer;

beforeEach(() => {
  storage.clear();
  unfinished.current = () => false;
  onSecond = () => answer([]);
  serve(({ method, path }) => {
    if (path.startsWith("auth/")) return answer({ access: token("u1") });
    if (!path.endsWith("/annotations/")) return refusal(404);
    if (method === "POST") return answer({ ...DRAWN, id: "a2" }, 201);
    return path.includes("b2") ? onSecond() : answer(path.includes("b1") ? [DRAWN] : []);
  });
});

function useVolume() {
  const { stack, shown } = useStack(SCANS, 0, unfinished);
  const [drawing, state] = useDrawing("u1", SCANS[shown]!.id, true, 0);
  return { goTo: stack.goTo, shown, state, copy: useCopying(stack, shown, drawing, state) };
}

/** A volume that is opened at its first B-scan, on which there is a box. */
async function openVolume() {
  const page = await called(new QueryClient(), useVolume);
  const rests = (index: number) =>
    vi.waitFor(() => expect([page.current.shown, page.current.state.loaded]).toEqual([index, true]));
  await rests(0);
  const leafTo = async (index: number) => {
    page.current.goTo(index);
    await rests(index);
  };
  const shapes = () => page.current.state.shapes.map(({ geometry, label }) => ({ ...geometry, label }));
  return { page, rests, leafTo, shapes };
}

describe("shapes that are copied to the next B-scan", () => {
  it("are on it once its own drawing is loaded", async () => {
    const { page, rests, shapes } = await openVolume();

    page.current.copy();

    await rests(1);
    await vi.waitFor(() => expect(shapes()).toEqual([{ ...BOX, label: "CNV" }]));
    await vi.waitFor(() => expect(page.current.state.saveState).toBe("saved"), 5000);
  });

  it("are given up by who leafs on before they are there", async () => {
    const { page, leafTo, shapes } = await openVolume();
    onSecond = () => new Promise<Response>(() => undefined);
    page.current.copy();
    await vi.waitFor(() => expect(page.current.shown).toBe(1));
    await leafTo(2);

    onSecond = () => answer([]);
    await leafTo(1);

    expect(shapes()).toEqual([]);
  });

  it("are given up by who leafs back at once", async () => {
    const { page, leafTo, shapes } = await openVolume();
    page.current.copy();
    page.current.goTo(0);

    await leafTo(1);

    expect(shapes()).toEqual([]);
  });

  it("stay where they are while another shape is not finished", async () => {
    const { page, leafTo, shapes } = await openVolume();
    unfinished.current = () => true;
    page.current.copy();
    unfinished.current = () => false;

    await leafTo(1);

    expect(shapes()).toEqual([]);
  });
});
