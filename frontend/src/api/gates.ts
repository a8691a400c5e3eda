/** What the gates of the model's versions said, for those who manage versions. */

import { useQuery } from "@tanstack/react-query";

import { useMay } from "./accounts";
import { json } from "./client";
import type { GateVerdict } from "./types";

const STALE_AFTER_MS = 300_000;

/** Undefined where there is none, until it is known, and for all who do not manage versions. */
export function useGateVerdict(name: string, version: string): GateVerdict | undefined {
  const enabled = useMay("may_manage");
  return useQuery({
    queryKey: ["gates"],
    queryFn: () => json<GateVerdict[]>("gates/"),
    staleTime: STALE_AFTER_MS,
    enabled,
  }).data?.find((gate) => gate.name === name && gate.version === version);
}
