import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useRef } from "react";
import { useLocation } from "react-router";

import { useResending } from "../sending/useResending";

const PAUSE_MS = 30_000;
const LONGEST_PAUSE_MS = 600_000;

/**
 * Sends what this person has drawn and said on scans that are not open and the server does not have: when they come,
 * when a page is left, as what was stuck there has nobody else then, whenever the server may be back, and again after
 * a growing pause as long as something is left.
 */
export function useLeftovers(user: string | undefined): void {
  const queries = useQueryClient();
  const { pathname } = useLocation();
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const running = useRef(false);
  const send = useCallback(
    async (pause: number) => {
      if (!user || running.current) return;
      clearTimeout(timer.current);
      running.current = true;
      try {
        const { sendLeftovers } = await import("./leftovers");
        const left = await sendLeftovers(user, queries);
        if (left === 0) return;
      } catch {
        // Not even the program that sends could be loaded: it is tried again, too.
      } finally {
        running.current = false;
      }
      timer.current = setTimeout(() => void send(Math.min(2 * pause, LONGEST_PAUSE_MS)), pause);
    },
    [user, queries],
  );
  const now = useCallback(() => void send(PAUSE_MS), [send]);
  useEffect(() => {
    now();
    return () => clearTimeout(timer.current);
  }, [now, pathname]);
  useResending(now);
}
