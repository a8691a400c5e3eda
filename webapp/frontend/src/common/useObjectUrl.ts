import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";

import { blob } from "../api/client";

/**
 * An address for a picture of the API that `<img>` can show: the API wants a token, which `<img>` does not send.
 * `version` changes when the picture at the same path does.
 */
export function useObjectUrl(path: string | null, version = ""): { url: string | null; failed: boolean } {
  const { data, isError } = useQuery({
    queryKey: ["picture", path, version],
    queryFn: ({ signal }) => blob(path ?? "", { signal }),
    enabled: path !== null,
    staleTime: Infinity,
    gcTime: 60_000,
  });
  const [url, setUrl] = useState<string | null>(null);
  useEffect(() => {
    if (!data) {
      setUrl(null);
      return;
    }
    const made = URL.createObjectURL(data);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [data]);
  return { url, failed: isError };
}
