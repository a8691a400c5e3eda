import { useEffect, useState } from "react";

import { usePicture } from "./usePicture";

/**
 * An address for a picture of the API that `<img>` can show: the API wants a token, which `<img>` does not send.
 * `version` changes when the picture at the same path does.
 */
export function useObjectUrl(path: string | null, version = ""): { url: string | null; failed: boolean } {
  const { data, isError } = usePicture(path, version);
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
