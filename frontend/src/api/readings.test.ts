// @vitest-environment jsdom

import { QueryClient } from "@tanstack/react-query";
import { expect, it, vi } from "vitest";

import { called } from "../testing/hooks";
import { answer, serve, token } from "../testing/server";
import { storeOwn, useReading } from "./readings";
import type { Review } from "./types";

it("shows the user's own verdict once it is recorded, be the reading loaded again or not", async () => {
  serve(({ path }) =>
    path.startsWith("auth/") ? answer({ access: token("u1") }) : answer({ own: null, reader_count: 1 }),
  );
  const queries = new QueryClient();
  const reading = await called(queries, () => useReading("s1").data);
  await vi.waitFor(() => expect(reading.current).toEqual({ own: null, reader_count: 1 }));

  const first = { id: "r1", verdict: "agree" } as Review;
  storeOwn(queries, "s1", first);
  await vi.waitFor(() => expect(reading.current).toEqual({ own: first, reader_count: 2 }));

  const changed = { id: "r2", verdict: "unsure" } as Review;
  storeOwn(queries, "s1", changed);
  await vi.waitFor(() => expect(reading.current).toEqual({ own: changed, reader_count: 2 }));
});
