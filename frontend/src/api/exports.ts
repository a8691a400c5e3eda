/** De-identified exports of scans. */

import { call } from "./client";
import type { ExportFormat } from "./types";

export interface ExportedFile {
  content: Blob;
  name: string;
}

/**
 * Exports the chosen `scans` by their ids; without them, all that the filters of `query` find. Pictures that may hold text
 * come along only `withText`. Raises a Problem.
 */
export async function exportScans(
  format: ExportFormat,
  { scans, query = "", withText = false }: { scans?: string[]; query?: string; withText?: boolean },
): Promise<ExportedFile> {
  const answer = await call(query ? `exports/?${query}` : "exports/", {
    method: "POST",
    body: { format, with_text: withText, ...(scans ? { scans } : {}) },
  });
  const name = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition") ?? "")?.[1];
  return { content: await answer.blob(), name: name ?? `retinote.${format}` };
}
