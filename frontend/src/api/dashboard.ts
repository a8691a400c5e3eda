/** The counts and metrics of the dashboard. */

import { keepPreviousData, type QueryClient, useQuery } from "@tanstack/react-query";

import { json } from "./client";
import type { Dashboard } from "./types";

const KEY = "dashboard";
const REFRESH_MS = 30_000;

/** The dashboard of the last `days`; refreshed while the page is open. */
export function useDashboard(days: string) {
  return useQuery({
    queryKey: [KEY, days],
    queryFn: () => json<Dashboard>(`dashboard/?days=${encodeURIComponent(days)}`),
    refetchInterval: REFRESH_MS,
    placeholderData: keepPreviousData,
  });
}

/** Loads the dashboard again when it is next looked at. */
export function refreshDashboard(queries: QueryClient): void {
  void queries.invalidateQueries({ queryKey: [KEY] });
}
