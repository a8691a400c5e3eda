import { notifications } from "@mantine/notifications";

import { useHeatMapOf } from "../api/scans";
import type { Scan } from "../api/types";
import { texts } from "../texts";

export interface HeatMapRequest {
  /** The label whose heat map is on its way; undefined when none is. */
  pending: string | undefined;
  ask: (label: string) => void;
}

/** Asks for the heat map of another label of a scan; one at a time, whichever list of labels it comes from. */
export function useHeatMap(scan: Scan): HeatMapRequest {
  const { mutateAsync, isPending, variables } = useHeatMapOf(scan);
  return {
    pending: isPending ? variables : undefined,
    ask: (label) =>
      // Callbacks of a single call are not called once another scan is looked at.
      void mutateAsync(label).catch(({ message }: Error) =>
        notifications.show({ color: "red", title: texts.reading.heatFailed(label), message }),
      ),
  };
}
