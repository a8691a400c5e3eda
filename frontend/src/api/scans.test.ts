// @vitest-environment jsdom

import { describe, expect, it } from "vitest";

import { answer, serve, token } from "../testing/server";
import { firstUnread, unreadScans } from "./scans";

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
