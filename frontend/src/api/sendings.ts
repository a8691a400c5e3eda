/** What of a scan is sent to a PACS or a health record, and how far that is. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { json } from "./client";
import type { Sending } from "./types";

const keyOf = (scan: string) => ["sendings", scan];
/** While something waits. */
const POLL_MS = 5000;

/** What of a scan, or of the volume that it belongs to, was sent, waits or failed; loaded again while something waits. */
export function useSendings(scan: string, enabled: boolean) {
  return useQuery({
    queryKey: keyOf(scan),
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
    onSuccess: (sendings) => queries.setQueryData(keyOf(scan), sendings),
  });
}
