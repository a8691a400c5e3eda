import { useEffect, useRef } from "react";

import type { Drawing, DrawingState } from "../drawing/Drawing";
import type { Shape } from "../drawing/shapes";
import type { Stack } from "../volume/useStack";

/**
 * Copies shapes to the next B-scan, and leafs on to it: the selected one, or all where none is. The function that is
 * returned does it.
 */
export function useCopying(stack: Stack, shown: number, drawing: Drawing, state: DrawingState): () => void {
  const { loaded, shapes, selected } = state;
  const copied = useRef<{ index: number; shapes: readonly Shape[] } | null>(null);
  // Before the next B-scan's drawing is loaded, the reader may leaf on, or back: then they are not wanted any more.
  useEffect(() => stack.subscribe(() => (copied.current = null)), [stack]);
  useEffect(() => {
    if (copied.current?.index !== shown || !loaded) return;
    for (const { geometry, label } of copied.current.shapes) drawing.add(geometry, label);
    copied.current = null;
  }, [shown, loaded, drawing]);
  return () => {
    const taken = selected === null ? shapes : shapes.filter(({ key }) => key === selected);
    if (!drawing.mayDraw || taken.length === 0 || shown === stack.count - 1) return;
    stack.goTo(shown + 1);
    // Nobody leafs on amid a shape.
    if (stack.index() === shown + 1) copied.current = { index: shown + 1, shapes: taken };
  };
}
