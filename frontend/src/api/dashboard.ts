/** The counts and metrics of the dashboard. */

import { keepPreviousData, type QueryClient, useQuery } from "@tanstack/react-query";

import { json } from "./client";
import type { Dashboard } from "./types";

const KEY = "dashboard";
const REFRESH_MS = 30_000;

/** The dashboard of the last `days`, of one modality or, with "", of all; refreshed while the page is open. */
export function useDashboard(days: string, modality: string) {
  const query = new URLSearchParams({ days, ...(modality && { modality }) });
  return useQuery({
    queryKey: [KEY, days, modality],
    queryFn: () => json<Dashboard>(`dashboard/?${query.toString()}`),
    refetchInterval: REFRESH_MS,
    placeholderData: keepPreviousData,
  });
}

/** Loads the dashboard again when it is next looked at. */
export function refreshDashboard(queries: QueryClient): void {
  void queries.invalidateQueries({ queryKey: [KEY] });
}
