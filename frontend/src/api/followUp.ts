/** A patient's eye over time. */

import { useQuery } from "@tanstack/react-query";

import { json } from "./client";
import { LISTS } from "./scans";
import type { FollowUp } from "./types";

/** The line of time on which a scan lies. */
export function useFollowUp(scan: string) {
  return useQuery({
    queryKey: [...LISTS, "follow-up", scan],
    queryFn: ({ signal }) => json<FollowUp>(`scans/${scan}/follow-up/`, { signal }),
  });
}
