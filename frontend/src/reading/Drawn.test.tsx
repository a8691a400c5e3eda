// @vitest-environment jsdom

import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { flushSync } from "react-dom";
import { createRoot } from "react-dom/client";
import { expect, it, onTestFinished, vi } from "vitest";

import { useReading } from "../api/readings";
import type { Reading, Scan } from "../api/types";
import type { DrawingState } from "../drawing/Drawing";
import { answer, serve, token } from "../testing/server";
import { Drawn } from "./Drawn";

const SCAN = { id: "s1" } as Scan;
const NOBODY = { reader_count: 0 } as Reading;

function Page({ saveState }: Pick<DrawingState, "saveState">) {
  const { data = NOBODY } = useReading(SCAN.id);
  return <Drawn lead={SCAN} scan={SCAN} reading={data} state={{ loaded: true, saveState } as DrawingState} />;
}

it("loads what readers agree on again once a changed drawing is saved, and not before", async () => {
  const requests = serve(({ path }) => {
    if (path.startsWith("auth/")) return answer({ access: token("u1") });
    return answer(path.endsWith("/drawn/") ? { measured: true, drawn: [] } : NOBODY);
  });
  const loads = () => requests.filter(({ path }) => path === "scans/s1/reading/").length;
  const queries = new QueryClient();
  const root = createRoot(document.createElement("div"));
  onTestFinished(() => {
    root.unmount();
    queries.clear();
  });
  const show = (saveState: DrawingState["saveState"]) =>
    flushSync(() =>
      root.render(
        <QueryClientProvider client={queries}>
          <Page saveState={saveState} />
        </QueryClientProvider>,
      ),
    );

  show("saved");
  await vi.waitFor(() => expect(queries.getQueryData(["reading", "s1"])).toEqual(NOBODY));
  show("saving");
  expect(loads()).toBe(1);

  show("saved");
  await vi.waitFor(() => expect(loads()).toBe(2));
});
