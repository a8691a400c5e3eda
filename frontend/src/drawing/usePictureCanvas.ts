import { type RefCallback, useCallback, useEffect, useLayoutEffect, useMemo, useState } from "react";

import { useModality } from "../api/options";
import { usePicture } from "../api/pictures";
import type { Scan } from "../api/types";
import { lookOf } from "../common/findings";
import { deepOf, type Ends } from "./canvas/deep";
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
  /** Which values of its file are black and white; null for a scan of 8 bits. */
  ends: Ends | null;
  /** Whether the scan is drawn. */
  isShown: boolean;
  problem: Error | null;
}

interface ShownPicture extends PictureView {
  /** For the element that the canvas fills. */
  ref: RefCallback<HTMLDivElement>;
}

interface Listeners {
  /** Called with the canvas, to add layers; returns what takes them away. A new function is called with the same canvas. */
  onMade?: (canvas: PictureCanvas) => () => void;
  /** The view has moved or zoomed. It must be stable: a new one makes a new canvas, which forgets zoom and window. */
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
  const modality = useModality(scan.modality);
  const looks = useMemo(() => kinds?.map((kind) => lookOf(kind, modality)), [kinds, modality]);
  const { width, height, image_path: path, deep_black, deep_white } = scan;
  const isWindowed = window !== FULL_WINDOW;
  // As it is in the file, the picture of 8 bits looks the same.
  const deep = usePicture(isWindowed ? scan.deep_path : null);
  const ends = useMemo(
    () => (deep_black === null || deep_white === null ? null : { black: deep_black, white: deep_white }),
    [deep_black, deep_white],
  );

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
      return () => {
        made.destroy();
        setCanvas(null);
      };
    },
    [width, height, onView],
  );

  // Before the canvas is destroyed, and apart from its making: who leafs on keeps the view, and draws on another scan.
  useLayoutEffect(() => (canvas && onMade ? onMade(canvas) : undefined), [canvas, onMade]);

  useEffect(() => {
    if (!canvas || !image.data) return;
    return onceDecoded(image.data, (pixels) => {
      canvas.setScan(pixels);
      setShownPath(path);
    });
  }, [canvas, image.data, path]);

  useEffect(() => canvas?.setEnds(ends), [canvas, ends]);

  useEffect(() => {
    if (!canvas || !deep.data || shownPath !== path) return;
    let wanted = true;
    void deepOf(deep.data).then((values) => wanted && canvas.setDeep(values));
    return () => {
      wanted = false;
    };
  }, [canvas, deep.data, path, shownPath]);

  useEffect(() => {
    if (!canvas) return;
    canvas.setHeat(null);
    return heatmap.data && onceDecoded(heatmap.data, (pixels) => canvas.setHeat(pixels));
  }, [canvas, heatmap.data]);

  useEffect(() => canvas?.showHeat(heat, opacity), [canvas, heat, opacity]);

  useEffect(() => {
    if (!canvas) return;
    canvas.setFindings(null, []);
    if (!findings || !seen.data || !looks) return;
    return onceDecoded(seen.data, (pixels) => canvas.setFindings(pixels, looks));
  }, [canvas, findings, seen.data, looks]);

  const problem =
    image.error ??
    (isWindowed ? deep.error : null) ??
    (heat ? heatmap.error : null) ??
    (findings ? seen.error : null);
  return { ref, canvas, zoom, window, ends, isShown: shownPath === path, problem };
}
