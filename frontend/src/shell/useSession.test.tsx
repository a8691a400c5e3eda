// @vitest-environment jsdom

import { QueryClient } from "@tanstack/react-query";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { useMe } from "../api/accounts";
import { useScanCount } from "../api/scans";
import { accessToken, signIn, signOut } from "../api/session";
import { called } from "../testing/hooks";
import { answer, type Request, serve, token } from "../testing/server";
import { useSession } from "./useSession";

/** Whose sign-in the browser's cookie is. */
let cookie: string;
let requests: Request[];
let queries: QueryClient;

beforeEach(async () => {
  cookie = "clara";
  queries = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  requests = serve(({ path, headers }) => {
    // It is about to expire: each call asks for the next one.
    if (path.startsWith("auth/token/")) return answer({ access: token(cookie, 30) });
    const asker = headers.get("Authorization")?.split(".")[1];
    const { user_id } = asker ? (JSON.parse(atob(asker)) as { user_id: string }) : { user_id: "nobody" };
    return answer(
      path.startsWith("scans/count/") ? { count: user_id === "colin" ? 7 : 3 } : { username: user_id },
    );
  });
  await signIn("clara", "secret");
});

afterEach(() => signOut());

/** The name in the header of an open page. */
async function opened(): Promise<{ current: string | undefined }> {
  const shown = await called(queries, () => {
    const { state } = useSession();
    return useMe(state === "signed-in")?.username;
  });
  await vi.waitFor(() => expect(shown.current).toBe("clara"));
  return shown;
}

describe("a page that is open while another user signs in in another tab", () => {
  it("says who is signed in", async () => {
    const shown = await opened();
    cookie = "colin";
    await accessToken().catch(() => undefined); // as the next call does
    await vi.waitFor(() => expect(shown.current).toBe("colin"));
  });

  it("loads what is opened at that moment as the new user", async () => {
    await opened();
    cookie = "colin";
    const count = await called(queries, () => useScanCount(""));
    await vi.waitFor(() => expect(count.current).toBe(7));
    expect(requests.filter(({ path }) => path.startsWith("scans/count/"))).toHaveLength(1);
  });
});
