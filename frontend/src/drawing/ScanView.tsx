import { Alert } from "@mantine/core";
import { type ReactNode, useCallback, useEffect, useMemo, useState } from "react";

import { useModality } from "../api/options";
import type { Region, Scan } from "../api/types";
import { CONTRADICTED } from "../common/answer";
import { ProblemAlert } from "../common/ProblemAlert";
import { useUnsaved, useUnsent } from "../common/unsaved";
import { Waiting } from "../common/Waiting";
import { texts } from "../texts";
import { DrawingCanvas } from "./canvas/DrawingCanvas";
import type { PictureCanvas } from "./canvas/PictureCanvas";
import { FULL_WINDOW, type GreyWindow } from "./canvas/pictures";
import type { Drawing, DrawingState } from "./Drawing";
import { KeysDialog } from "./KeysDialog";
import { type KeyActions, useKeys } from "../common/keys";
import { Legend } from "./Legend";
import { SaveStatus } from "./SaveStatus";
import classes from "./ScanView.module.css";
import { copyRegion } from "./ShapeList";
import { TOOL_KEYS, Toolbar } from "./Toolbar";
import type { Preset } from "./presets";
import { usePictureCanvas } from "./usePictureCanvas";
import { usePresets } from "./usePresets";
import { useScale } from "./useScale";
import { type DisplayOptions, ViewControls } from "./ViewControls";

interface Props {
  scan: Scan;
  drawing: Drawing;
  state: DrawingState;
  /** What the model looked at; empty while its answer is hidden. */
  regions: Region[];
  /** Whether the heat map may be seen. */
  revealed: boolean;
  /** Lets a stack of scans be leafed through on this canvas; returns what ends that. */
  onCanvas?: (canvas: PictureCanvas) => () => void;
  /** Below the scan. */
  children?: ReactNode;
}

const NO_REGIONS: Region[] = [];

/** The scan, large: to move, zoom, window and draw on, with what the model says above it or beside it. */
export function ScanView({ scan, drawing, state, regions, revealed, onCanvas, children }: Props) {
  const [chosen, setChosen] = useState<Partial<DisplayOptions>>({});
  // Without an answer, the heat map is of a label that the model does not name: it is shown on request only.
  const speaks = scan.state !== "not_answered";
  const options: DisplayOptions = {
    heat: speaks,
    opacity: 0.5,
    outlined: speaks,
    findings: scan.because === CONTRADICTED,
    beside: false,
    ...chosen,
  };
  const { heat, opacity, outlined, findings, beside } = options;
  const [help, setHelp] = useState(false);
  const [announcement, setAnnouncement] = useState("");
  const hasHeat = revealed && scan.heatmap_path !== null;
  const hasFindings = revealed && scan.findings_path !== null && (scan.findings?.regions.length ?? 0) > 0;
  const { width, height } = scan;
  const scale = useScale(scan);
  const modality = useModality(scan.modality);
  const presets = usePresets(scan.modality);
  const [shapes, setShapes] = useState<DrawingCanvas | null>(null);
  const drawOn = useCallback(
    (made: PictureCanvas) => {
      const drawn = new DrawingCanvas(made, drawing, { width, height }, setAnnouncement);
      setShapes(drawn);
      return () => {
        drawn.destroy();
        setShapes(null);
      };
    },
    [drawing, width, height],
  );
  const shown = { heat: hasHeat && heat && !beside, opacity, findings: hasFindings && findings };
  const { ref, ...view } = usePictureCanvas(scan, shown, { onMade: drawOn });
  const { canvas } = view;
  useEffect(() => shapes?.setScale(scale), [shapes, scale]);

  const shownRegions = outlined && revealed ? regions : NO_REGIONS;
  useEffect(() => shapes?.showBelow(shownRegions, state.others), [shapes, shownRegions, state.others]);

  useEffect(() => canvas?.setPanning(state.tool === "hand"), [canvas, state.tool]);
  useEffect(() => (canvas && onCanvas ? onCanvas(canvas) : undefined), [canvas, onCanvas]);

  const zoomBy = useCallback(
    (factor: number) => canvas?.viewport.zoomTo(canvas.viewport.zoom() * factor),
    [canvas],
  );
  const keys = useMemo<KeyActions>(() => {
    const nudge = (dx: number, dy: number) => (event: KeyboardEvent) => {
      const far = event.shiftKey ? 10 : 1;
      if (!shapes?.nudge(dx * far, dy * far)) canvas?.viewport.panBy(-dx * 40, -dy * 40);
    };
    const tools = Object.entries(TOOL_KEYS).map(([key, tool]) => [key, () => drawing.setTool(tool)]);
    return {
      ...(Object.fromEntries(tools) as KeyActions),
      "ctrl+z": drawing.undo,
      "ctrl+y": drawing.redo,
      "ctrl+shift+z": drawing.redo,
      enter: () => (["select", "hand"].includes(drawing.snapshot().tool) ? false : shapes?.enter()),
      escape: () => {
        if (shapes?.isDrawing) shapes.giveUp();
        else if (drawing.snapshot().tool === "select") drawing.select(null);
        else drawing.setTool("select");
      },
      backspace: () => (shapes?.isDrawing ? shapes.stepBack() : drawing.mayDraw && shapes?.remove()),
      delete: () => drawing.mayDraw && shapes?.remove(),
      ".": () => shapes?.nextVertex(),
      arrowleft: nudge(-1, 0),
      arrowright: nudge(1, 0),
      arrowup: nudge(0, -1),
      arrowdown: nudge(0, 1),
      m: () => drawing.mayDraw && regions[0] && copyRegion(drawing, scan, regions[0]),
      "+": () => zoomBy(1.25),
      "=": () => zoomBy(1.25),
      "-": () => zoomBy(0.8),
      "0": () => canvas?.viewport.fit(),
      "1": () => canvas?.viewport.zoomTo(1),
      w: () => canvas?.setWindow(FULL_WINDOW),
      "shift+w": () => canvas?.setWindow(nextPreset(view.window, presets)),
      x: () => setChosen((before) => ({ ...before, heat: !heat })),
      s: () => hasFindings && setChosen((before) => ({ ...before, findings: !findings })),
      " ": () => canvas?.setPanning(true),
      "?": () => setHelp(true),
    };
  }, [canvas, drawing, findings, hasFindings, heat, presets, regions, scan, shapes, view.window, zoomBy]);
  useKeys(keys);
  useUnsaved(() =>
    shapes?.isUnfinished
      ? { title: texts.drawing.unfinished, saveLabel: "", save: null, drop: () => shapes.giveUp() }
      : null,
  );
  useUnsent(
    () => state.loaded && state.saveState !== "saved",
    drawing.flush,
    () => drawing.snapshot().saveState === "refused",
  );
  useEffect(() => {
    const release = (event: KeyboardEvent) => {
      if (event.key === " ") canvas?.setPanning(drawing.snapshot().tool === "hand");
    };
    window.addEventListener("keyup", release);
    return () => window.removeEventListener("keyup", release);
  }, [canvas, drawing]);

  return (
    <div className={classes.view}>
      <Toolbar drawing={drawing} state={state} onHelp={() => setHelp(true)} />
      <div className={classes.pictures} data-beside={beside && hasHeat}>
        <div className={classes.frame}>
          <div
            ref={ref}
            className={classes.canvas}
            data-tool={state.tool}
            data-testid="canvas"
            data-ready={view.isShown && state.loaded}
            tabIndex={0}
            role="application"
            aria-label={texts.drawing.canvas}
          />
          {shown.findings && scan.findings && <Legend findings={scan.findings} modality={modality} />}
          {!view.isShown && !view.problem && (
            <div className={classes.waiting}>
              <Waiting text={texts.common.loading} height="100%" />
            </div>
          )}
        </div>
        {beside && hasHeat && <HeatMapBeside scan={scan} opacity={opacity} />}
      </div>
      {children}
      <ViewControls
        view={view}
        presets={presets}
        zoomBy={zoomBy}
        options={options}
        onOptions={(changed) => setChosen({ ...chosen, ...changed })}
        hasHeat={hasHeat}
        hasRegions={revealed && regions.length > 0}
        hasFindings={hasFindings}
      >
        {drawing.mayDraw && <SaveStatus drawing={drawing} state={state} />}
      </ViewControls>
      {view.problem && <ProblemAlert error={view.problem} />}
      {state.conflict && (
        <Alert color="yellow" m="xs" role="alert">
          {texts.drawing.conflict}
        </Alert>
      )}
      <div className="visually-hidden" aria-live="assertive">
        {announcement}
      </div>
      <KeysDialog modality={scan.modality} opened={help} onClose={() => setHelp(false)} />
    </div>
  );
}

/** The preset after the one that is shown; after the last of them, the window that shows all. */
function nextPreset(shown: GreyWindow, presets: readonly Preset[]): GreyWindow {
  const windows = [FULL_WINDOW, ...presets.map(({ window }) => window)];
  return windows[(windows.indexOf(shown) + 1) % windows.length]!;
}

/** The heat map on the scan beside the scan without it. */
function HeatMapBeside({ scan, opacity }: { scan: Scan; opacity: number }) {
  const { ref } = usePictureCanvas(scan, { heat: true, opacity });
  return (
    <div className={classes.frame}>
      <div
        ref={ref}
        className={classes.canvas}
        data-testid="beside"
        role="img"
        aria-label={texts.drawing.heat}
      />
    </div>
  );
}
