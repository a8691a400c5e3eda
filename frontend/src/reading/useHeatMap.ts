import { notifications } from "@mantine/notifications";
import { useMutation, useQueryClient } from "@tanstack/react-query";

import { json } from "../api/client";
import type { Scan } from "../api/types";
import { texts } from "../texts";

export type HeatMapQuestion = ReturnType<typeof useHeatMap>;

/** Asks for the heat map of another label of a scan; one question at a time, whichever list of labels it comes from. */
export function useHeatMap(scan: Scan) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (label: string) =>
      json<Scan>(`scans/${scan.id}/predictions/`, {
        method: "POST",
        body: { label, ...(scan.model ? { version: scan.model.version } : {}) },
      }),
    onSuccess: (changed) => queries.setQueryData(["scan", scan.id], changed),
    onError: (error, label) =>
      notifications.show({ color: "red", title: texts.reading.heatFailed(label), message: error.message }),
  });
}
