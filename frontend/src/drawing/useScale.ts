import { useMemo } from "react";

import { useModality } from "../api/options";
import type { Scan } from "../api/types";
import type { Scale } from "./plane";

/** The size of a scan's pixels, and in which unit people see what is measured on it. */
export function useScale({
  micrometres_x,
  micrometres_y,
  modality,
}: Pick<Scan, "micrometres_x" | "micrometres_y" | "modality">): Scale {
  const unit = useModality(modality)?.size_unit ?? "micrometres";
  return useMemo(() => ({ micrometres_x, micrometres_y, unit }), [micrometres_x, micrometres_y, unit]);
}
