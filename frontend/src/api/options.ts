/** What scans can be filtered by: labels and urgencies. */

import { type QueryClient, useQuery } from "@tanstack/react-query";

import { json } from "./client";
import type { Options } from "./types";

const KEY = ["options"];
const STALE_AFTER_MS = 300_000;

/** Undefined until they are known. */
export function useOptions(): Options | undefined {
  return useQuery({ queryKey: KEY, queryFn: () => json<Options>("options/"), staleTime: STALE_AFTER_MS })
    .data;
}

/** A new scan may bring a label that was not there before. */
export function refreshOptions(queries: QueryClient): void {
  void queries.invalidateQueries({ queryKey: KEY });
}
