import { useEffect, useState, useSyncExternalStore } from "react";

import { onSessionChange } from "../api/session";
import { Drawing, type DrawingState } from "./Drawing";

/** The drawing of a person on a scan, loaded, and sent again whenever the server may be back. */
export function useDrawing(
  user: string,
  scan: string,
  mayDraw: boolean,
  readings: number,
): [Drawing, DrawingState] {
  const [drawing, setDrawing] = useState(() => new Drawing(user, scan, mayDraw));
  useEffect(() => {
    const made = new Drawing(user, scan, mayDraw);
    setDrawing(made);
    void made.load();
    const again = () => made.flush();
    window.addEventListener("online", again);
    window.addEventListener("focus", again);
    const hidden = () => document.visibilityState === "hidden" && made.flush();
    document.addEventListener("visibilitychange", hidden);
    const stopListening = onSessionChange(again);
    return () => {
      window.removeEventListener("online", again);
      window.removeEventListener("focus", again);
      document.removeEventListener("visibilitychange", hidden);
      stopListening();
      made.stop();
    };
  }, [user, scan, mayDraw]);
  useEffect(() => {
    // The own verdict opens what others drew.
    if (readings > 0) void drawing.loadOthers();
  }, [drawing, readings]);
  return [drawing, useSyncExternalStore(drawing.subscribe, drawing.snapshot)];
}
