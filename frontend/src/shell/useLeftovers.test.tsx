// @vitest-environment jsdom

import { locks } from "node:worker_threads";

import { Notifications, notifications } from "@mantine/notifications";
import { act } from "react";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { signOut } from "../api/session";
import type { Me } from "../api/types";
import { press, type Screen, show } from "../testing/screen";
import { answer, type Answer, refusal, type Request, serve, token } from "../testing/server";
import { storage } from "../testing/storage";
import { texts } from "../texts";
import { useLeftovers } from "./useLeftovers";
import { UserMenu } from "./UserMenu";

vi.mock("idb-keyval", () => import("../testing/storage"));

const ME = {
  username: "clara",
  first_name: "",
  last_name: "",
  role: "clinician",
  abilities: [],
} as unknown as Me;
const TYPED = { verdict: "agree", label: null, comment: "kept", about: null };
const KEPT = {
  typed: TYPED,
  scan: "s1",
  given: {
    scan: "s1",
    body: { verdict: "agree", comment: "kept" },
    at: "2026-11-30T17:00:00Z",
    before: null,
  },
  refusal: "",
};

/** What the server answers to a verdict. */
let given: () => Answer;
let requests: Request[];
let screen: Screen;

beforeEach(async () => {
  Object.defineProperty(navigator, "locks", { value: locks, configurable: true });
  vi.stubGlobal("indexedDB", {});
  storage.clear();
  storage.set("u1/s1", KEPT);
  given = () => refusal(503);
  requests = serve(({ path, method }) => {
    if (path.startsWith("auth/token/")) return answer({ access: token("u1") });
    // Nobody is taken to another document, which a test does not have.
    if (path === "auth/logout/") return refusal(503);
    return method === "POST" ? given() : answer({ own: null });
  });
  screen = await show(<Page />);
  await vi.waitFor(() => expect(made()).toEqual(["scans/s1/review/"]));
  await act(async () => document.querySelector<HTMLElement>("[data-testid=user-menu]")!.click());
});

afterEach(async () => {
  notifications.clean();
  await screen.close();
  serve(() => answer({}));
  await signOut();
});

function Page() {
  useLeftovers("u1");
  return (
    <>
      <Notifications />
      <UserMenu me={ME} />
    </>
  );
}

/** Where something was given or ended, in order. */
const made = () =>
  requests
    .filter(({ method, path }) => method === "POST" && !path.startsWith("auth/token/"))
    .map(({ path }) => path);

describe("signing out, after a verdict was left on a scan that is not open", () => {
  it("tries to send it first", async () => {
    given = () => answer({ id: "r1" }, 201);
    await press(texts.shell.signOut);
    await vi.waitFor(() => expect(made()).toEqual(["scans/s1/review/", "scans/s1/review/", "auth/logout/"]));
    expect(storage.size).toBe(0);
  });

  it("is put off when the server refuses it, so that its reader hears of that", async () => {
    given = () => refusal(409, "prediction_changed", "Look again.");
    await press(texts.shell.signOut);
    await vi.waitFor(() => expect(document.body.textContent).toContain(texts.shell.workRefused));
    expect(document.body.textContent).toContain("Look again.");
    expect(made()).not.toContain("auth/logout/");
  });

  it("goes on where it can't be sent: it is kept in this browser", async () => {
    await press(texts.shell.signOut);
    await vi.waitFor(() => expect(made()).toContain("auth/logout/"));
    expect([...storage.keys()]).toEqual(["u1/s1"]);
  });
});
