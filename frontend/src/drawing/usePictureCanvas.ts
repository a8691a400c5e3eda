import { type RefObject, useEffect, useState } from "react";

import type { Scan } from "../api/types";
import { usePicture } from "../common/usePicture";
import { FULL_WINDOW, type GreyWindow, pixelsOf } from "./canvas/pictures";
import { PictureCanvas } from "./canvas/PictureCanvas";

interface Shown {
  heat: boolean;
  /** 0 to 1 */
  opacity: number;
}

export interface PictureView {
  canvas: PictureCanvas | null;
  /** Pixels of the screen per pixel of the scan. */
  zoom: number;
  window: GreyWindow;
  /** Whether the scan is to be seen already. */
  isShown: boolean;
  problem: Error | null;
}

/** A scan with its heat map on a canvas in the container. `onView` is told of each change of what is seen. */
export function usePictureCanvas(
  container: RefObject<HTMLDivElement | null>,
  scan: Scan,
  { heat, opacity }: Shown,
  onView?: (canvas: PictureCanvas) => void,
): PictureView {
  const [canvas, setCanvas] = useState<PictureCanvas | null>(null);
  const [zoom, setZoom] = useState(1);
  const [window, setWindow] = useState(FULL_WINDOW);
  const [isShown, setShown] = useState(false);
  const image = usePicture(scan.image_path);
  const heatmap = usePicture(heat ? scan.heatmap_path : null, scan.predicted_at ?? "");
  const { width, height } = scan;

  useEffect(() => {
    if (!container.current) return;
    let made: PictureCanvas | null = null;
    made = new PictureCanvas(
      container.current,
      { width, height },
      {
        onZoom: (next) => {
          setZoom(next);
          if (made) onView?.(made);
        },
        onWindow: setWindow,
      },
    );
    setZoom(made.viewport.zoom());
    setCanvas(made);
    return () => {
      made?.destroy();
      setCanvas(null);
    };
  }, [container, scan.id, width, height]);

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

  return { canvas, zoom, window, isShown, problem: image.error ?? (heat ? heatmap.error : null) };
}
