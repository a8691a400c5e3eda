import { useQuery } from "@tanstack/react-query";

import { json } from "../api/client";
import type { Ability, Me, Options } from "../api/types";

/** Who is signed in; undefined until it is known. */
export function useMe(signedIn = true): Me | undefined {
  const me = useQuery({
    queryKey: ["me"],
    queryFn: () => json<Me>("auth/me/"),
    staleTime: Infinity,
    enabled: signedIn,
  });
  return me.data;
}

/** Whether one may do something; false until it is known. */
export function useMay(ability: Ability): boolean {
  return useMe()?.abilities.includes(ability) ?? false;
}

/** Labels and urgencies; undefined until they are known. */
export function useOptions(): Options | undefined {
  return useQuery({ queryKey: ["options"], queryFn: () => json<Options>("options/"), staleTime: 300_000 })
    .data;
}
