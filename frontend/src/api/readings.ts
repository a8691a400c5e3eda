/** What the readers of a scan say together, as far as the user may see it. */

import { type QueryClient, useQuery } from "@tanstack/react-query";

import { json } from "./client";
import type { Reading, Review } from "./types";

/** Begins the keys of all that is known of a scan's readings. */
export const keyOfReading = (scan: string) => ["reading", scan];

/** The readings of a scan as far as the user may see them. Nothing is loaded without an id. */
export function useReading(scan: string | null) {
  return useQuery({
    queryKey: keyOfReading(scan ?? ""),
    queryFn: () => readingOf(scan ?? ""),
    enabled: scan !== null,
  });
}

/** Raises a Problem. */
export async function readingOf(scan: string, signal?: AbortSignal): Promise<Reading> {
  return json<Reading>(`scans/${scan}/reading/`, signal && { signal });
}

/** Loads a reading again, as when a drawing or the heat map has changed: it says how far they overlap. */
export function refreshReading(queries: QueryClient, scan: string): void {
  void queries.invalidateQueries({ queryKey: keyOfReading(scan) });
}

/** Shows the user's own verdict as the server has just recorded it. */
export function storeOwn(queries: QueryClient, scan: string, own: Review): void {
  queries.setQueryData<Reading>(
    keyOfReading(scan),
    (reading) => reading && { ...reading, own, reader_count: reading.reader_count + (reading.own ? 0 : 1) },
  );
}
