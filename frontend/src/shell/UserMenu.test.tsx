// @vitest-environment jsdom

import { Notifications, notifications } from "@mantine/notifications";
import { act } from "react";
import { afterEach, describe, expect, it } from "vitest";

import { signIn, signOut } from "../api/session";
import type { Me } from "../api/types";
import { useUnsaved, useUnsent } from "../common/unsaved";
import { press, type Screen, settled, show } from "../testing/screen";
import { answer, type Request, serve, token } from "../testing/server";
import { texts } from "../texts";
import { LeaveGuard } from "./LeaveGuard";
import { UserMenu } from "./UserMenu";

const ME = {
  username: "clara",
  first_name: "",
  last_name: "",
  role: "clinician",
  abilities: ["may_read"],
  reads_blind: false,
} as unknown as Me;

let screen: Screen;

afterEach(async () => {
  notifications.clean();
  await screen.close();
});

/** Opens the menu of the account beside a part of the page; gives the calls to the server. */
async function openMenu(Part: () => null): Promise<Request[]> {
  const requests = serve(({ path }) =>
    path.startsWith("auth/token/") ? answer({ access: token("u1") }) : answer({ ...ME, reads_blind: true }),
  );
  screen = await show(
    <>
      <Notifications />
      <LeaveGuard />
      <UserMenu me={ME} />
      <Part />
    </>,
  );
  await act(async () => document.querySelector<HTMLElement>("[data-testid=user-menu]")!.click());
  return requests;
}

function HalfFilled() {
  useUnsaved(() => ({ title: "Details not saved", saveLabel: "", save: null, drop: () => undefined }));
  return null;
}

function Uploading() {
  useUnsent(() => true);
  return null;
}

function Refused() {
  useUnsent(
    () => true,
    async () => undefined,
    () => true,
  );
  return null;
}

function Kept() {
  useUnsent(
    () => true,
    async () => undefined,
  );
  return null;
}

const blind = () => document.querySelector<HTMLInputElement>("[role=switch]")!;

async function toggle(): Promise<void> {
  await act(async () => blind().click());
  await settled();
}

describe("blind first reading, beside a half-filled form", () => {
  it("is switched on only once the form may be left, as all data is loaded again", async () => {
    const requests = await openMenu(HalfFilled);
    const changes = () => requests.filter(({ method }) => method === "PATCH").map(({ body }) => body);

    await toggle();
    await press(texts.shell.stay);
    expect(changes()).toEqual([]);
    expect(blind().checked).toBe(false);

    await toggle();
    await press(texts.shell.leaveWithout);
    expect(changes()).toEqual([{ reads_blind: true }]);
  });
});

describe("signing out, while files are uploaded or wait for it", () => {
  it("is refused with a reason, before anything is lost", async () => {
    const requests = await openMenu(Uploading);
    await press(texts.shell.signOut);
    expect(document.body.textContent).toContain(texts.shell.filesLeft);
    expect(requests.map(({ path }) => path)).not.toContain("auth/logout/");
  });
});

describe("signing out, with a shape that the server does not take", () => {
  it("is refused with a reason, while there is still a session in which to change it", async () => {
    const requests = await openMenu(Refused);
    await press(texts.shell.signOut);
    expect(document.body.textContent).toContain(texts.shell.workRefused);
    expect(requests.map(({ path }) => path)).not.toContain("auth/logout/");
  });
});

describe("closing the window, while something is kept in this browser", () => {
  it("is asked about, but not after signing out: who stayed could do nothing any more", async () => {
    const asks = () => !window.dispatchEvent(new Event("beforeunload", { cancelable: true }));
    await openMenu(Kept);
    await signIn("clara", "secret");
    expect(asks()).toBe(true);
    await signOut();
    expect(asks()).toBe(false);
  });
});
