/** Pictures of the API: scans, thumbnails and heat maps, by the path that a scan gives. */

import { type QueryClient, useQuery } from "@tanstack/react-query";

import { blob } from "./client";

const KEPT_MS = 60_000;
/** For pictures that somebody leafs through. */
const KEPT_AHEAD_MS = 600_000;

/** The bytes of a picture. `version` changes when the picture at the same path does. */
export function usePicture(path: string | null, version = "") {
  return useQuery({ ...queryOf(path ?? "", version), enabled: path !== null });
}

/** The bytes of a picture, kept for when it is shown. Raises a Problem. */
export async function fetchPicture(queries: QueryClient, path: string, version = ""): Promise<Blob> {
  return queries.fetchQuery({ ...queryOf(path, version), gcTime: KEPT_AHEAD_MS });
}

/** The bytes of a picture if they are here. */
export function pictureHere(queries: QueryClient, path: string): Blob | undefined {
  return queries.getQueryData<Blob>(queryOf(path, "").queryKey);
}

function queryOf(path: string, version: string) {
  return {
    queryKey: ["picture", path, version],
    queryFn: ({ signal }: { signal: AbortSignal }) => blob(path, { signal }),
    staleTime: Infinity,
    gcTime: KEPT_MS,
  };
}
