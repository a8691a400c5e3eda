import { useQuery } from "@tanstack/react-query";

import { blob } from "../api/client";

/** The bytes of a picture of the API. `version` changes when the picture at the same path does. */
export function usePicture(path: string | null, version = "") {
  return useQuery({
    queryKey: ["picture", path, version],
    queryFn: ({ signal }) => blob(path ?? "", { signal }),
    enabled: path !== null,
    staleTime: Infinity,
    gcTime: 60_000,
  });
}
