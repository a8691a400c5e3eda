// @vitest-environment jsdom

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { answer, refusal, serve, token } from "../testing/server";

let session: typeof import("./session");

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["Date"] });
  localStorage.clear();
  // The module's memory is the session: each test begins as a page that was just opened.
  vi.resetModules();
  session = await import("./session");
});

afterEach(() => {
  vi.useRealTimers();
});

const later = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000);

describe("signing in", () => {
  it("keeps the token, says whose it is and tells listeners", async () => {
    const requests = serve(() => answer({ access: token("u1") }));
    const heard = vi.fn();
    session.onSessionChange(heard);

    await session.signIn("clara", "secret");

    expect(requests).toMatchObject([
      { method: "POST", path: "auth/token/", body: { username: "clara", password: "secret", cookie: true } },
    ]);
    expect([session.sessionState(), session.sessionUser()]).toEqual(["signed-in", "u1"]);
    expect(heard).toHaveBeenCalledOnce();
  });

  it("gives the server's reason when it is refused", async () => {
    serve(() => refusal(401, "no_active_account", "Wrong name or password."));
    await expect(session.signIn("clara", "wrong")).rejects.toThrow("Wrong name or password.");
    expect(session.sessionState()).toBe("signed-out");
  });
});

describe("the access token", () => {
  it("is refreshed only when it is about to expire", async () => {
    const tokens = [token("u1"), token("u1")];
    const requests = serve(() => answer({ access: tokens[requests.length - 1] }));
    await session.signIn("clara", "secret");

    later(500);
    expect(await session.accessToken()).toBe(tokens[0]);
    later(50);
    expect(await session.accessToken()).toBe(tokens[1]);
    expect(requests.map(({ path }) => path)).toEqual(["auth/token/", "auth/token/refresh/"]);
  });

  it("lives as long as it was made for, whatever the server's clock says", async () => {
    const tokens = [token("u1"), token("u1")];
    later(-86_400);
    const requests = serve(() => answer({ access: tokens[requests.length - 1] }));
    await session.signIn("clara", "secret");
    later(500);
    expect(await session.accessToken()).toBe(tokens[0]);
  });

  it("is asked for once although many want it: a refresh token is good for one use", async () => {
    const requests = serve(() => answer({ access: token("u1") }));
    const given = await Promise.all([session.accessToken(), session.accessToken(), session.accessToken()]);
    expect(new Set(given).size).toBe(1);
    expect(requests).toHaveLength(1);
  });

  it("is renewed once for all calls that the server has refused with it", async () => {
    const requests = serve(() => answer({ access: token("u1") }));
    const refused = await session.accessToken();
    const renewed = await Promise.all([session.renewedToken(refused), session.renewedToken(refused)]);
    expect(renewed[0]).toBe(renewed[1]);
    expect(renewed[0]).not.toBe(refused);
    expect(requests).toHaveLength(2);
  });

  it("is asked for once more when the answer was lost, so that no tab waits for ever", async () => {
    const requests = serve(() =>
      requests.length > 1 ? answer({ access: token("u1") }) : new Promise<Response>(() => undefined),
    );
    vi.spyOn(AbortSignal, "timeout").mockReturnValueOnce(AbortSignal.abort());

    expect(await session.accessToken()).not.toBeNull();

    expect(requests.map(({ path }) => path)).toEqual(["auth/token/refresh/", "auth/token/refresh/"]);
  });

  it("is null, and the session over, when the server refuses the cookie", async () => {
    let refuses = false;
    serve(() => (refuses ? refusal(401) : answer({ access: token("u1") })));
    await session.accessToken();
    const heard = vi.fn();
    session.onSessionChange(heard);

    refuses = true;
    later(600);

    expect(await session.accessToken()).toBeNull();
    expect([session.sessionState(), session.sessionUser()]).toEqual(["signed-out", null]);
    expect(heard).toHaveBeenCalledOnce();
  });

  it.each([
    ["can't be reached", () => Promise.reject(new TypeError("network")), { code: "offline", status: 0 }],
    ["fails", () => answer(null, 502), { code: "unexpected", status: 502 }],
  ])("raises a problem, and nobody is signed out, when the server %s", async (_, fails, problem) => {
    let works = true;
    serve(() => (works ? answer({ access: token("u1") }) : fails()));
    await session.accessToken();

    works = false;
    later(600);

    await expect(session.accessToken()).rejects.toMatchObject(problem);
    expect(session.sessionState()).toBe("signed-in");
    works = true;
    expect(await session.accessToken()).not.toBeNull();
  });
});

describe("another user who has signed in in another tab", () => {
  it("is who is signed in here from the next token on, and listeners hear of it", async () => {
    const tokens = [token("u1"), token("u2")];
    const requests = serve(() => answer({ access: tokens[requests.length - 1] }));
    await session.signIn("clara", "secret");
    const heard = vi.fn();
    session.onSessionChange(heard);

    later(600);

    await expect(session.accessToken()).rejects.toMatchObject({ code: "signed_out", status: 401 });
    expect([session.sessionState(), session.sessionUser()]).toEqual(["signed-in", "u2"]);
    expect(heard).toHaveBeenCalledOnce();
    expect(await session.accessToken()).toBe(tokens[1]);
  });

  it("is nobody for whom the work of an ended session waits", async () => {
    const answers = [
      () => answer({ access: token("u1") }),
      () => refusal(401),
      () => answer({ access: token("u2") }),
    ];
    const requests = serve(() => answers[requests.length - 1]!());
    await session.signIn("clara", "secret");
    later(600);
    expect(await session.accessToken()).toBeNull();

    await expect(session.accessToken()).rejects.toMatchObject({ code: "signed_out", status: 401 });

    expect(session.sessionUser()).toBe("u2");
  });
});

describe("signing out", () => {
  it("tells the server and the other tabs", async () => {
    const requests = serve(({ path }) => answer(path === "auth/logout/" ? {} : { access: token("u1") }));
    await session.signIn("clara", "secret");

    await session.signOut();

    expect(requests.at(-1)).toMatchObject({ method: "POST", path: "auth/logout/" });
    expect(session.sessionState()).toBe("signed-out");
    expect(localStorage.length).toBe(1);
  });

  it("leaves the user signed in when the server can't be told", async () => {
    serve(({ path }) => (path === "auth/logout/" ? answer(null, 503) : answer({ access: token("u1") })));
    await session.signIn("clara", "secret");
    await expect(session.signOut()).rejects.toMatchObject({ status: 503 });
    expect(session.sessionState()).toBe("signed-in");
    expect(localStorage.length).toBe(0);
  });

  it("in another tab ends the session here", async () => {
    serve(() => answer({ access: token("u1") }));
    await session.signIn("clara", "secret");
    const heard = vi.fn();
    session.onSessionChange(heard);

    window.dispatchEvent(new StorageEvent("storage", { key: "something-else" }));
    expect(session.sessionState()).toBe("signed-in");
    window.dispatchEvent(new StorageEvent("storage", { key: "retinote-signed-out" }));

    expect(session.sessionState()).toBe("signed-out");
    expect(heard).toHaveBeenCalledOnce();
  });
});
