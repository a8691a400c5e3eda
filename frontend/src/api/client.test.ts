// @vitest-environment jsdom

import { beforeEach, describe, expect, it, vi } from "vitest";

import { answer, refusal, serve, token } from "../testing/server";

let client: typeof import("./client");

beforeEach(async () => {
  vi.resetModules();
  client = await import("./client");
});

describe("a call", () => {
  it("carries the token, and JSON where there is a body", async () => {
    const access = token("u1");
    const requests = serve(({ path }) =>
      path.startsWith("auth/") ? answer({ access }) : answer({ id: "s1" }),
    );
    expect(await client.json("scans/s1/", { method: "PATCH", body: { eye: "OD" } })).toEqual({ id: "s1" });
    const { headers, body } = requests.at(-1)!;
    expect([headers.get("Authorization"), headers.get("Content-Type")]).toEqual([
      `Bearer ${access}`,
      "application/json",
    ]);
    expect(body).toEqual({ eye: "OD" });
  });

  it("is made once more with a new token when the server refuses the old one", async () => {
    let refusals = 1;
    const requests = serve(({ path }) => {
      if (path.startsWith("auth/")) return answer({ access: token("u1") });
      return refusals-- > 0 ? refusal(401) : answer([]);
    });
    expect(await client.json("scans/")).toEqual([]);
    expect(requests.map(({ path }) => path)).toEqual([
      "auth/token/refresh/",
      "scans/",
      "auth/token/refresh/",
      "scans/",
    ]);
  });

  it.each([
    ["sent again, when the server refuses its token", 600, ["PATCH scans/s1/"]],
    ["sent at all, when its token has expired", 30, []],
  ])("is not %s and another user has signed in since", async (_, lifetimeS, sent) => {
    const tokens = [token("u1", lifetimeS), token("u2")];
    const requests = serve(({ path }) =>
      path.startsWith("auth/") ? answer({ access: tokens.shift() }) : refusal(401),
    );
    await (await import("./session")).signIn("clara", "secret");

    await expect(client.json("scans/s1/", { method: "PATCH", body: { eye: "OD" } })).rejects.toMatchObject({
      code: "signed_out",
      status: 401,
    });

    const calls = requests.map(({ method, path }) => `${method} ${path}`);
    expect(calls.filter((made) => !made.includes("auth/"))).toEqual(sent);
  });

  it("says so when nobody is signed in", async () => {
    const requests = serve(() => refusal(401));
    await expect(client.json("scans/")).rejects.toMatchObject({ code: "signed_out", status: 401 });
    expect(requests.map(({ path }) => path)).toEqual(["auth/token/refresh/", "scans/"]);
  });

  it("raises what the server says, and nothing comes of an answer without content", async () => {
    let status = 409;
    serve(({ path }) => {
      if (path.startsWith("auth/")) return answer({ access: token("u1") });
      return status === 204 ? answer(null, 204) : refusal(409, "prediction_changed", "Look again.");
    });
    await expect(client.json("scans/s1/review/")).rejects.toMatchObject({
      code: "prediction_changed",
      message: "Look again.",
    });
    status = 204;
    expect(await client.json("scans/s1/")).toBeUndefined();
  });

  it("that was given up is no problem with the network", async () => {
    serve(({ path }) => {
      if (path.startsWith("auth/")) return answer({ access: token("u1") });
      throw new DOMException("given up", "AbortError");
    });
    await expect(client.json("scans/")).rejects.toMatchObject({ name: "AbortError" });
  });
});
