/** What scans can be filtered by, and the modalities that the user may use. */

import { type QueryClient, useQuery } from "@tanstack/react-query";

import { json } from "./client";
import type { Modality, Options } from "./types";

const KEY = "options";
const STALE_AFTER_MS = 300_000;
const NONE: readonly Modality[] = [];

/** Undefined until they are known. With the name of a modality, its labels and urgencies alone. */
export function useOptions(modality = ""): Options | undefined {
  return useQuery({
    queryKey: [KEY, modality],
    queryFn: () => json<Options>(modality ? `options/?modality=${encodeURIComponent(modality)}` : "options/"),
    staleTime: STALE_AFTER_MS,
  }).data;
}

/** The modalities that the user may use, in their order; empty until they are known. */
export function useModalities(): readonly Modality[] {
  return useOptions()?.modalities ?? NONE;
}

/** A modality by its name; undefined until it is known, and for one that the user may not use. */
export function useModality(name: string): Modality | undefined {
  return useModalities().find((modality) => modality.name === name);
}

/** A new scan may bring a label that was not there before. */
export function refreshOptions(queries: QueryClient): void {
  void queries.invalidateQueries({ queryKey: [KEY] });
}
