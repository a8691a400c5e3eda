// @vitest-environment jsdom

import { QueryClient } from "@tanstack/react-query";
import { expect, it, vi } from "vitest";

import { called } from "../testing/hooks";
import { answer, serve, token } from "../testing/server";
import { refreshReadings } from "./reviews";
import { storeScan, useScan } from "./scans";
import { useSendings } from "./sendings";
import type { Scan, Sending } from "./types";

/** What the server has in its queue. */
let sendings: Partial<Sending>[];

function serveSendings(): void {
  serve(({ path }) => {
    if (path.startsWith("auth/")) return answer({ access: token("u1") });
    return answer(path.endsWith("/sendings/") ? sendings : { id: "s1", status: "queued" });
  });
}

it("what is sent of a scan is loaded again after a verdict, which is to be sent, too", async () => {
  sendings = [{ status: "sent" }];
  serveSendings();
  const queries = new QueryClient();
  const shown = await called(queries, () => useSendings("s1", true, true).data);
  await vi.waitFor(() => expect(shown.current).toEqual([{ status: "sent" }]));

  sendings = [{ status: "waiting" }];
  refreshReadings(queries, "s1");

  await vi.waitFor(() => expect(shown.current).toEqual([{ status: "waiting" }]));
});

it("what is sent of a scan is loaded again once the model has answered", async () => {
  sendings = [];
  serveSendings();
  const queries = new QueryClient();
  const shown = await called(queries, () => {
    const { data } = useScan("s1");
    return useSendings("s1", data?.status === "predicted", true).data;
  });
  await vi.waitFor(() => expect(shown.current).toEqual([]));

  sendings = [{ status: "waiting" }];
  storeScan(queries, { id: "s1", status: "predicted" } as Scan);

  await vi.waitFor(() => expect(shown.current).toEqual([{ status: "waiting" }]));
});
