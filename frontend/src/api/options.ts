/** What scans can be filtered by, and the modalities that the user may use. */

import { type QueryClient, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";

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

/** The most bytes that a file may have; undefined until they are known. */
export interface MostBytes {
  /** With one picture. */
  picture: number;
  volume: number;
}

/** How large files may be; undefined until it is known. */
export function useMostBytes(): MostBytes | undefined {
  const options = useOptions();
  return useMemo(
    () => options && { picture: options.most_picture_bytes, volume: options.most_volume_bytes },
    [options],
  );
}

/** A modality by its name; undefined until it is known, and for one that the user may not use. */
export function useModality(name: string): Modality | undefined {
  return useModalities().find((modality) => modality.name === name);
}

/** A new scan may bring a label that was not there before. */
export function refreshOptions(queries: QueryClient): void {
  void queries.invalidateQueries({ queryKey: [KEY] });
}
