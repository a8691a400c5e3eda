/** What of a scan is sent to a PACS or a health record, and how far that is. */

import { type QueryClient, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { json } from "./client";
import type { Sending } from "./types";

const keyOf = (scan: string) => ["sendings", scan];
/** While something waits. */
const POLL_MS = 5000;

/**
 * What of a scan, or of the volume that it belongs to, was sent, waits or failed; loaded again while something waits, and
 * once the model has answered, which may put something into the queue.
 */
export function useSendings(scan: string, isAnswered: boolean, enabled: boolean) {
  return useQuery({
    queryKey: [...keyOf(scan), isAnswered],
    queryFn: () => json<Sending[]>(`scans/${scan}/sendings/`),
    enabled,
    refetchInterval: ({ state }) =>
      state.data?.some(({ status }) => status === "waiting") ? POLL_MS : false,
  });
}

/** Has something sent again. */
export function useSendAgain(scan: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ destination, what }: Pick<Sending, "destination" | "what">) =>
      json<Sending[]>(`scans/${scan}/sendings/`, { method: "POST", body: { destination, what } }),
    onSuccess: (sendings) => queries.setQueriesData({ queryKey: keyOf(scan) }, sendings),
  });
}

/** Loads again what was sent, as when a verdict has put something into the queue. */
export function refreshSendings(queries: QueryClient, scan: string): void {
  void queries.invalidateQueries({ queryKey: keyOf(scan) });
}
