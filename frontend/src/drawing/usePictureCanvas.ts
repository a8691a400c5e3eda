import { type RefCallback, useCallback, useEffect, useState } from "react";

import type { Scan } from "../api/types";
import { usePicture } from "../api/pictures";
import { FULL_WINDOW, type GreyWindow, onceDecoded } from "./canvas/pictures";
import { PictureCanvas } from "./canvas/PictureCanvas";

interface Shown {
  heat: boolean;
  /** 0 to 1 */
  opacity: number;
  /** Whether what the model thinks it sees is hatched. */
  findings?: boolean;
}

/** What is seen of a scan. */
export interface PictureView {
  canvas: PictureCanvas | null;
  /** Pixels of the screen per pixel of the scan. */
  zoom: number;
  window: GreyWindow;
  /** Whether the scan is drawn. */
  isShown: boolean;
  problem: Error | null;
}

interface ShownPicture extends PictureView {
  /** For the element that the canvas fills. */
  ref: RefCallback<HTMLDivElement>;
}

/** Both functions must be stable: a new one makes a new canvas. */
interface Listeners {
  /** Called with a new canvas, to add layers; returns what is called before the canvas is destroyed. */
  onMade?: (canvas: PictureCanvas) => () => void;
  /** The view has moved or zoomed. */
  onView?: (canvas: PictureCanvas) => void;
}

/** A scan with its heat map on a canvas. Another scan of the same size takes its place there without a flash. */
export function usePictureCanvas(
  scan: Scan,
  { heat, opacity, findings = false }: Shown,
  { onMade, onView }: Listeners = {},
): ShownPicture {
  const [canvas, setCanvas] = useState<PictureCanvas | null>(null);
  const [zoom, setZoom] = useState(1);
  const [window, setWindow] = useState(FULL_WINDOW);
  const [shownPath, setShownPath] = useState<string | null>(null);
  const image = usePicture(scan.image_path);
  const heatmap = usePicture(heat ? scan.heatmap_path : null, scan.predicted_at ?? "");
  const seen = usePicture(findings ? scan.findings_path : null, scan.predicted_at ?? "");
  const kinds = scan.findings?.kinds;
  const { width, height, image_path: path } = scan;

  const ref = useCallback(
    (container: HTMLDivElement) => {
      const made = new PictureCanvas(
        container,
        { width, height },
        {
          onView: (view) => {
            setZoom(view.viewport.zoom());
            onView?.(view);
          },
          onWindow: setWindow,
        },
      );
      setZoom(made.viewport.zoom());
      setCanvas(made);
      const onGone = onMade?.(made);
      return () => {
        onGone?.();
        made.destroy();
        setCanvas(null);
      };
    },
    [width, height, onMade, onView],
  );

  useEffect(() => {
    if (!canvas || !image.data) return;
    return onceDecoded(image.data, (pixels) => {
      canvas.setScan(pixels);
      setShownPath(path);
    });
  }, [canvas, image.data, path]);

  useEffect(() => {
    if (!canvas) return;
    canvas.setHeat(null);
    return heatmap.data && onceDecoded(heatmap.data, (pixels) => canvas.setHeat(pixels));
  }, [canvas, heatmap.data]);

  useEffect(() => canvas?.showHeat(heat, opacity), [canvas, heat, opacity]);

  useEffect(() => {
    if (!canvas) return;
    canvas.setFindings(null, []);
    if (!findings || !seen.data || !kinds) return;
    return onceDecoded(seen.data, (pixels) => canvas.setFindings(pixels, kinds));
  }, [canvas, findings, seen.data, kinds]);

  const problem = image.error ?? (heat ? heatmap.error : null) ?? (findings ? seen.error : null);
  return { ref, canvas, zoom, window, isShown: shownPath === path, problem };
}
