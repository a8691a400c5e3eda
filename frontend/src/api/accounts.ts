/** The account of the user who is signed in. */

import { type QueryClient, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { json } from "./client";
import type { Ability, Me } from "./types";

const KEY = ["me"];
const PATH = "auth/me/";

/** Who is signed in; undefined until it is known. */
export function useMe(signedIn = true): Me | undefined {
  return useQuery({
    queryKey: KEY,
    queryFn: () => json<Me>(PATH),
    staleTime: Infinity,
    enabled: signedIn,
  }).data;
}

/** Whether the user may do something; false until it is known. */
export function useMay(ability: Ability): boolean {
  return useMe()?.abilities.includes(ability) ?? false;
}

/** Whether the server hides each scan's answer from this reader until the verdict: a choice of the account. */
export function useBlindReading(): boolean {
  const reads = useMay("may_read");
  return (useMe()?.reads_blind ?? false) && reads;
}

/** The same for code outside of components; false while it is not known. */
export function readsBlind(queries: QueryClient): boolean {
  return queries.getQueryData<Me>(KEY)?.reads_blind ?? false;
}

/** Changes whether the user reads blind. Everything is loaded again then, because the server hides other things. */
export function useSwitchBlindReading() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (reads_blind: boolean) => json<Me>(PATH, { method: "PATCH", body: { reads_blind } }),
    onSuccess: (me) => {
      queries.setQueryData(KEY, me);
      void queries.resetQueries({ predicate: ({ queryKey }) => queryKey[0] !== KEY[0] });
    },
  });
}

/**
 * Signs an administrator in to the administration's own pages, which do not take an access token.
 * Raises a Problem when the password is wrong or the server can't be reached.
 */
export async function openAdministration(password: string): Promise<void> {
  await json("auth/session/", { method: "POST", body: { password } });
}
