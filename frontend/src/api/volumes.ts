/** Volumes: what is known of one as a whole, and its B-scans in their order. */

import { keepPreviousData, useQuery } from "@tanstack/react-query";

import { json } from "./client";
import { allScans, LISTS } from "./scans";
import type { Volume } from "./types";

/** The first pause; each is longer than the one before, as the model server may be away for hours. */
const POLL_MS = 1000;
const LONGEST_POLL_MS = 30_000;

/** A volume; loaded again and again while B-scans of it wait for the model. */
export function useVolume(id: string) {
  return useQuery({
    queryKey: keyOf(id),
    queryFn: () => json<Volume>(`volumes/${id}/`),
    refetchInterval: ({ state }) =>
      state.data?.complete === false
        ? Math.min(POLL_MS * 1.4 ** (state.dataUpdateCount - 1), LONGEST_POLL_MS)
        : false,
  });
}

/** All B-scans of a volume, in order; loaded again when another of them has been answered. */
export function useBScans(volume: Volume | undefined) {
  const id = volume?.id ?? "";
  return useQuery({
    queryKey: [...keyOf(id), "bscans", volume?.statuses.queued],
    queryFn: () => allScans(`volume=${id}`),
    enabled: volume !== undefined,
    placeholderData: keepPreviousData,
  });
}

function keyOf(id: string): string[] {
  return [...LISTS, "volume", id];
}
