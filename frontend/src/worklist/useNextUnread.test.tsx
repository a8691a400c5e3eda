// @vitest-environment jsdom

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { signOut } from "../api/session";
import { useKeys } from "../common/keys";
import { press, type Screen, settled, show } from "../testing/screen";
import { answer, type Request, serve, token } from "../testing/server";
import { NextButton } from "./NextButton";
import { useNextUnread } from "./useNextUnread";

let screen: Screen;
let requests: Request[];
/** Answers the search for the next scan. */
let find: () => Promise<void>;

beforeEach(async () => {
  const found = new Promise<Response>((resolve) => {
    find = async () => {
      resolve(answer({ results: [{ id: "s2" }], next: null }));
      await settled();
    };
  });
  requests = serve(({ path }) => {
    if (path.startsWith("auth/token/")) return answer({ access: token("u1") });
    return path.startsWith("scans/") ? found.then((response) => response.clone()) : answer({ abilities: [] });
  });
  screen = await show(<Page />);
});

afterEach(async () => {
  await screen.close();
  await signOut();
});

function Page() {
  const next = useNextUnread("search=AMD");
  useKeys({ n: next.open });
  return <NextButton size="sm" label="Next" title="" next={next} />;
}

describe("the next unread scan", () => {
  it("is opened once it is found", async () => {
    await press("Next");
    await find();
    expect(screen.path()).toBe("/scans/s2");
  });

  it("takes nobody off a page to which they have gone meanwhile", async () => {
    await press("Next");
    await screen.go("/dashboard");
    await find();
    expect(screen.path()).toBe("/dashboard");
  });

  it("is looked for once, however often it is asked for", async () => {
    for (let time = 0; time < 3; time++) {
      window.dispatchEvent(new KeyboardEvent("keydown", { key: "n" }));
      await settled();
    }
    await find();
    expect(requests.filter(({ path }) => path.startsWith("scans/"))).toHaveLength(1);
    expect(screen.path()).toBe("/scans/s2");
  });
});
