/** Readers' verdicts on a scan, and the adjudication that settles them. */

import { type QueryClient, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { json } from "./client";
import { refreshDashboard } from "./dashboard";
import { keyOfReading, refreshReading } from "./readings";
import { refreshScan } from "./scans";
import { refreshSendings } from "./sendings";
import type { Adjudication, AdjudicationChange, Review, ReviewChange } from "./types";

/** Every verdict on a scan, those that later ones have replaced too; loaded once `enabled`. */
export function useReviews(scan: string, enabled: boolean) {
  return useQuery({
    queryKey: [...keyOfReading(scan), "reviews"],
    queryFn: () => json<Review[]>(`scans/${scan}/reviews/`),
    enabled,
  });
}

/** Gives the user's verdict. Raises a Problem, with code "prediction_changed" if another prediction came meanwhile. */
export async function giveReview(scan: string, body: ReviewChange, signal: AbortSignal): Promise<Review> {
  return json<Review>(`scans/${scan}/review/`, { method: "POST", body, signal });
}

/** Settles a scan with a label. */
export function useAdjudicate(scan: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: AdjudicationChange) =>
      json<Adjudication>(`scans/${scan}/adjudication/`, { method: "POST", body }),
    onSuccess: () => refreshReadings(queries, scan),
  });
}

/** Loads again what depends on the readings of a scan. */
export function refreshReadings(queries: QueryClient, scan: string): void {
  refreshScan(queries, scan);
  refreshReading(queries, scan);
  refreshSendings(queries, scan);
  refreshDashboard(queries);
}
