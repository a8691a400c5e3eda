import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";

import { fetchPicture } from "../api/pictures";
import type { Scan } from "../api/types";
import { pixelsOf } from "../drawing/canvas/pictures";
import { columnsOf } from "./wholeMap";

const AT_ONCE = 4;

/** For each B-scan how strongly the model looked at each of its columns; null while that is not known. */
export type MapColumns = readonly (Uint8Array | null)[];

/** What is needed for the heat map of a whole volume, loaded while it is `wanted`, a B-scan at a time. */
export function useWholeMap(scans: readonly Scan[], wanted: boolean): MapColumns {
  const queries = useQueryClient();
  const [columns, setColumns] = useState<MapColumns>([]);
  useEffect(() => {
    if (!wanted) return;
    let ended = false;
    const left = [...scans.entries()].filter(
      // Where the model has not answered, the heat map is of a label that it does not name.
      ([, { heatmap_path, state }]) => heatmap_path !== null && state !== "not_answered",
    );
    const load = async () => {
      for (let next = left.shift(); next && !ended; next = left.shift()) {
        const [index, scan] = next;
        try {
          const picture = await fetchPicture(queries, scan.heatmap_path!, scan.predicted_at ?? "");
          const strongest = columnsOf(await pixelsOf(picture));
          setColumns((before) => scans.map((_, at) => (at === index ? strongest : (before[at] ?? null))));
        } catch {
          // Its strip stays empty; the B-scan's own view says what is wrong.
        }
      }
    };
    for (let line = 0; line < AT_ONCE; line++) void load();
    return () => {
      ended = true;
    };
  }, [queries, scans, wanted]);
  return columns;
}
