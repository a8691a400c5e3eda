// @vitest-environment jsdom

import { QueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { describe, expect, it, vi } from "vitest";

import { called } from "../testing/hooks";
import { answer, serve, token } from "../testing/server";
import { useDrawn } from "./annotations";
import { useReading } from "./readings";
import { firstUnread, unreadScans, useChangeScan, useHeatMapOf } from "./scans";

describe("the unread scans of a list", () => {
  it("are asked for with the list's own filters, one at a time", () => {
    expect(unreadScans("eye=OD&status=failed", "64a")).toBe(
      "scans/?eye=OD&status=predicted&unread=true&page_size=1&after=64a",
    );
  });

  it.each([
    [
      "goes on where the answer says, on this server",
      "http://elsewhere:8000/api/v1/scans/?cursor=x",
      "/api/v1/scans/?cursor=x",
    ],
    ["ends with the last one", null, null],
  ])("%s", async (_, next, rest) => {
    const requests = serve(({ path }) =>
      path.startsWith("auth/") ? answer({ access: token("u1") }) : answer({ results: [{ id: "s1" }], next }),
    );
    expect(await firstUnread("scans/?unread=true")).toEqual({ id: "s1", rest });
    expect(requests.at(-1)).toMatchObject({ method: "GET", path: "scans/?unread=true" });
  });

  it("have no first one where all are read", async () => {
    serve(({ path }) =>
      path.startsWith("auth/") ? answer({ access: token("u1") }) : answer({ results: [], next: null }),
    );
    expect(await firstUnread("scans/")).toBeNull();
  });
});

describe("what follows from a scan that has changed is loaded again", () => {
  it("brings areas in the size of a pixel that was corrected", async () => {
    let squareMillimetres = 1;
    serve(({ method, path }) => {
      if (path.startsWith("auth/")) return answer({ access: token("u1") });
      if (method !== "PATCH") return answer({ drawn: [{ square_millimetres: squareMillimetres }] });
      squareMillimetres = 4;
      return answer({ id: "s1" });
    });
    const page = await called(new QueryClient(), () => ({
      drawn: useDrawn("s1").data?.drawn,
      change: useChangeScan("s1"),
    }));
    await vi.waitFor(() => expect(page.current.drawn).toEqual([{ square_millimetres: 1 }]));

    await page.current.change.mutateAsync({ micrometres_x: 20, micrometres_y: 20 });

    await vi.waitFor(() => expect(page.current.drawn).toEqual([{ square_millimetres: 4 }]));
  });

  it("brings how far drawings cover the regions of the heat map that was asked for", async () => {
    let covered = 0.8;
    serve(({ method, path }) => {
      if (path.startsWith("auth/")) return answer({ access: token("u1") });
      if (method !== "POST") return answer({ heatmap: [{ reader: "clara", covered, dice: 0.5 }] });
      covered = 0.1;
      return answer({ id: "s1", volume: null });
    });
    const page = await called(new QueryClient(), () => ({
      covered: useReading("s1").data?.heatmap[0]?.covered,
      heatMap: useHeatMapOf({ id: "s1", model: null }),
    }));
    await vi.waitFor(() => expect(page.current.covered).toBe(0.8));

    await page.current.heatMap.mutateAsync("DME");

    await vi.waitFor(() => expect(page.current.covered).toBe(0.1));
  });

  it("is what belongs to the scan whose heat map was asked for, whichever is looked at by then", async () => {
    let covered = 0.8;
    let draw = (): void => undefined;
    const requests = serve(({ method, path }) => {
      if (path.startsWith("auth/")) return answer({ access: token("u1") });
      if (method !== "POST") return answer({ heatmap: [{ reader: "clara", covered, dice: 0.5 }] });
      covered = 0.1;
      return new Promise((resolve) => (draw = () => resolve(answer({ id: "b1", volume: null }))));
    });
    const queries = new QueryClient();
    const page = await called(queries, () => {
      const [id, lookAt] = useState("b1");
      return {
        lookAt,
        covered: useReading("b1").data?.heatmap[0]?.covered,
        heatMap: useHeatMapOf({ id, model: null }),
      };
    });
    await vi.waitFor(() => expect(page.current.covered).toBe(0.8));

    page.current.heatMap.mutate("DME");
    await vi.waitFor(() => expect(requests.at(-1)?.method).toBe("POST"));
    page.current.lookAt("b2");
    await vi.waitFor(() => expect(page.current.heatMap.isPending).toBe(false));
    draw();

    await vi.waitFor(() => expect(page.current.covered).toBe(0.1));
    expect(queries.getQueryData(["scan", "b1"])).toEqual({ id: "b1", volume: null });
    expect(queries.getQueryData(["scan", "b2"])).toBeUndefined();
  });
});
