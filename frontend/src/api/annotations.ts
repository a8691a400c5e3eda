/** Shapes that people draw on a scan. Whoever changes one names the revision that they have seen. */

import { keepPreviousData, type QueryClient, useQuery } from "@tanstack/react-query";

import { json } from "./client";
import type { Annotation, AnnotationChange, DrawnOnScan } from "./types";

/** An annotation as the server has it. */
export interface Revision {
  id: string;
  revision: number;
}

/** All that the user may see on a scan. */
export async function annotationsOf(scan: string, signal?: AbortSignal): Promise<Annotation[]> {
  return json<Annotation[]>(pathOn(scan), signal && { signal });
}

export async function annotation(id: string): Promise<Annotation> {
  return json<Annotation>(pathOf(id));
}

export async function createAnnotation(
  scan: string,
  body: AnnotationChange,
  signal: AbortSignal,
): Promise<Annotation> {
  return json<Annotation>(pathOn(scan), { method: "POST", body, signal });
}

/** Raises a Problem with status 412 if somebody has changed it since that revision. */
export async function replaceAnnotation(
  seen: Revision,
  body: AnnotationChange,
  signal: AbortSignal,
): Promise<Annotation> {
  return json<Annotation>(pathOf(seen.id), { method: "PUT", body, headers: ifMatch(seen), signal });
}

/** Raises a Problem with status 412 if somebody has changed it since that revision. */
export async function deleteAnnotation(seen: Revision, signal: AbortSignal): Promise<void> {
  await json<void>(pathOf(seen.id), { method: "DELETE", headers: ifMatch(seen), signal });
}

const DRAWN = ["drawn"];

/** How much was drawn on a scan, or on the volume that it is a B-scan of. */
export function useDrawn(scan: string) {
  return useQuery({
    queryKey: [...DRAWN, scan],
    queryFn: ({ signal }) => json<DrawnOnScan>(`scans/${scan}/drawn/`, { signal }),
    placeholderData: keepPreviousData,
  });
}

/** Loads again how much was drawn, as when a shape was saved or a verdict has opened what others drew. */
export function refreshDrawn(queries: QueryClient): void {
  void queries.invalidateQueries({ queryKey: DRAWN });
}

function pathOn(scan: string): string {
  return `scans/${scan}/annotations/`;
}

function pathOf(id: string): string {
  return `annotations/${id}/`;
}

function ifMatch({ revision }: Revision): Record<string, string> {
  return { "If-Match": `"${revision}"` };
}
