/** Pictures of the API: scans, thumbnails and heat maps, by the path that a scan gives. */

import { useQuery } from "@tanstack/react-query";

import { blob } from "./client";

const KEPT_MS = 60_000;

/** The bytes of a picture. `version` changes when the picture at the same path does. */
export function usePicture(path: string | null, version = "") {
  return useQuery({
    queryKey: ["picture", path, version],
    queryFn: ({ signal }) => blob(path ?? "", { signal }),
    enabled: path !== null,
    staleTime: Infinity,
    gcTime: KEPT_MS,
  });
}
