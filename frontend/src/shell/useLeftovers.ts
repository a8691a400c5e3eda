import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo } from "react";
import { useLocation } from "react-router";

import { mayHoldLeftovers } from "../sending/kept";
import { RepeatedTask } from "../sending/RepeatedTask";
import { useResending } from "../sending/useResending";

/**
 * Sends this user's drawings and verdicts on scans that are not open and that the server does not have yet: after
 * signing in, when a page is left, whenever the server may be back, and after a growing pause while something is left.
 */
export function useLeftovers(user: string | undefined): void {
  const queries = useQueryClient();
  const { pathname } = useLocation();
  const sending = useMemo(
    () =>
      new RepeatedTask(async () => {
        if (!user || !(await mayHoldLeftovers())) return true;
        const { sendLeftovers } = await import("./leftovers");
        return (await sendLeftovers(user, queries)) === 0;
      }),
    [user, queries],
  );
  useEffect(() => {
    sending.now();
    return () => sending.rest();
  }, [sending, pathname]);
  useResending(sending.now);
}
