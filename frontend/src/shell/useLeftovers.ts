import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo } from "react";
import { useLocation } from "react-router";

import { useUnsent } from "../common/unsaved";
import { mayHoldLeftovers } from "../sending/kept";
import { RepeatedTask } from "../sending/RepeatedTask";
import { useResending } from "../sending/useResending";

/**
 * Sends this user's drawings and verdicts on scans that are not open and that the server does not have yet: after
 * signing in, when a page is left, whenever the server may be back, after a growing pause while something is left, and
 * before signing out.
 */
export function useLeftovers(user: string | undefined): void {
  const queries = useQueryClient();
  const { pathname } = useLocation();
  const { task, send, isRefused } = useMemo(() => sendingOf(user, queries), [user, queries]);
  useEffect(() => {
    void task.now();
    return () => task.rest();
  }, [task, pathname]);
  useResending(task.now);
  // Closing the window loses nothing of it: it is kept here, and sent on the next visit.
  useUnsent(() => false, send, isRefused);
}

function sendingOf(user: string | undefined, queries: QueryClient) {
  let refused = false;
  const task = new RepeatedTask(async () => {
    if (!user || !(await mayHoldLeftovers())) return true;
    const { sendLeftovers } = await import("./leftovers");
    return (await sendLeftovers(user, queries, () => (refused = true))) === 0;
  });
  const send = () => {
    refused = false;
    return task.now();
  };
  /** Whether the server has refused a verdict since `send` was called. */
  const isRefused = () => refused;
  return { task, send, isRefused };
}
