import { useEffect, useMemo, useSyncExternalStore } from "react";

import { useResending } from "../sending/useResending";
import { Drawing, type DrawingState } from "./Drawing";

/** The drawing of a person on a scan, loaded, and sent again whenever the server may be back. */
export function useDrawing(
  user: string,
  scan: string,
  mayDraw: boolean,
  readings: number,
): [Drawing, DrawingState] {
  const drawing = useMemo(() => new Drawing(user, scan, mayDraw), [user, scan, mayDraw]);
  useEffect(() => {
    drawing.load();
    return () => drawing.stop();
  }, [drawing]);
  useResending(drawing.flush);
  useEffect(() => {
    // Once users have given their verdict, they may see what others drew.
    if (readings > 0) void drawing.loadOthers();
  }, [drawing, readings]);
  return [drawing, useSyncExternalStore(drawing.subscribe, drawing.snapshot)];
}
