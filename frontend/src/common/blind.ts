import { useMutation, useQueryClient } from "@tanstack/react-query";

import { json } from "../api/client";
import type { Me } from "../api/types";
import { useMay, useMe } from "./useMe";

/** Whether the server hides each scan's answer from the reader until the verdict: a choice of the account. */
export function useBlindReading(): boolean {
  const reads = useMay("may_read");
  return (useMe()?.reads_blind ?? false) && reads;
}

/** Changes that choice. What was loaded is loaded anew: other things are hidden then. */
export function useBlindSwitch() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (reads_blind: boolean) => json<Me>("auth/me/", { method: "PATCH", body: { reads_blind } }),
    onSuccess: (me) => {
      queries.setQueryData(["me"], me);
      void queries.resetQueries({ predicate: ({ queryKey }) => queryKey[0] !== "me" });
    },
  });
}
