import { type RefCallback, useCallback, useEffect, useState } from "react";

import type { Scan } from "../api/types";
import { usePicture } from "../api/pictures";
import { FULL_WINDOW, type GreyWindow, pixelsOf } from "./canvas/pictures";
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

/** A scan with its heat map on a canvas. A component that uses it shows one scan only. */
export function usePictureCanvas(
  scan: Scan,
  { heat, opacity, findings = false }: Shown,
  { onMade, onView }: Listeners = {},
): ShownPicture {
  const [canvas, setCanvas] = useState<PictureCanvas | null>(null);
  const [zoom, setZoom] = useState(1);
  const [window, setWindow] = useState(FULL_WINDOW);
  const [isShown, setShown] = useState(false);
  const image = usePicture(scan.image_path);
  const heatmap = usePicture(heat ? scan.heatmap_path : null, scan.predicted_at ?? "");
  const seen = usePicture(findings ? scan.findings_path : null, scan.predicted_at ?? "");
  const kinds = scan.findings?.kinds;
  const { width, height } = scan;

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
    let gone = false;
    void pixelsOf(image.data).then((pixels) => {
      if (gone) return;
      canvas.setScan(pixels);
      setShown(true);
    });
    return () => {
      gone = true;
    };
  }, [canvas, image.data]);

  useEffect(() => {
    if (!canvas) return;
    if (!heatmap.data) return canvas.setHeat(null);
    let gone = false;
    void pixelsOf(heatmap.data).then((pixels) => !gone && canvas.setHeat(pixels));
    return () => {
      gone = true;
    };
  }, [canvas, heatmap.data]);

  useEffect(() => canvas?.showHeat(heat, opacity), [canvas, heat, opacity]);

  useEffect(() => {
    if (!canvas) return;
    if (!findings || !seen.data || !kinds) return canvas.setFindings(null, []);
    let gone = false;
    void pixelsOf(seen.data).then((pixels) => !gone && canvas.setFindings(pixels, kinds));
    return () => {
      gone = true;
    };
  }, [canvas, findings, seen.data, kinds]);

  const problem = image.error ?? (heat ? heatmap.error : null) ?? (findings ? seen.error : null);
  return { ref, canvas, zoom, window, isShown, problem };
}
