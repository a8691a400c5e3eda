import { useMemo } from "react";

import type { Scan } from "../api/types";
import { useUnits } from "../common/useUnits";
import type { Scale } from "./plane";

/** The size of a scan's pixels, and in which unit people see what is measured on it. */
export function useScale({
  micrometres_x,
  micrometres_y,
  modality,
}: Pick<Scan, "micrometres_x" | "micrometres_y" | "modality">): Scale {
  const units = useUnits(modality);
  return useMemo(() => ({ micrometres_x, micrometres_y, units }), [micrometres_x, micrometres_y, units]);
}
