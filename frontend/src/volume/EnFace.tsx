import { Group, Switch, Text } from "@mantine/core";
import { type KeyboardEvent, memo, type PointerEvent, useEffect, useMemo, useRef, useState } from "react";

import { usePicture } from "../api/pictures";
import type { Scan, Volume } from "../api/types";
import { useTexts } from "../common/useTexts";
import { onceDecoded, showColoured } from "../drawing/canvas/pictures";
import { texts } from "../texts";
import { stripsOf } from "./wholeMap";
import { type Ground, type Line, nearestLine, schematicGround } from "./places";
import classes from "./Stack.module.css";
import { type MapColumns, useWholeMap } from "./useWholeMap";
import { type Stack, useIndex } from "./useStack";

const KEY_STEPS: Readonly<Record<string, number>> = {
  ArrowUp: 1,
  ArrowRight: 1,
  ArrowDown: -1,
  ArrowLeft: -1,
};

interface Props {
  volume: Volume;
  scans: readonly Scan[];
  stack: Stack;
  /** Whether what the model says may be seen. */
  revealed: boolean;
}

/** The volume from the front, with the line of each B-scan; a place on it leads to the nearest B-scan. */
export function EnFace({ volume, scans, stack, revealed }: Props) {
  const [heat, setHeat] = useState(false);
  const words = useTexts(volume.modality).volume;
  const index = useIndex(stack);
  const picture = usePicture(volume.enface);
  const [pixels, setPixels] = useState<ImageData | null>(null);
  useEffect(() => picture.data && onceDecoded(picture.data, setPixels), [picture.data]);
  const ground = useMemo<Ground>(
    () =>
      pixels
        ? {
            width: pixels.width,
            height: pixels.height,
            lines: volume.bscans.map(({ place }) => asLine(volume.places[place] ?? null)),
          }
        : schematicGround(
            volume.bscans.map(({ place }) => place),
            volume.count,
            volume.width,
            volume.spacing,
          ),
    [pixels, volume],
  );
  const columns = useWholeMap(scans, heat && revealed);
  const located = ground.lines.some((line) => line !== null);
  const choose = (event: PointerEvent<HTMLDivElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    const nearest = nearestLine(ground.lines, x * ground.width, y * ground.height);
    if (nearest !== null) stack.goTo(nearest);
  };
  const onKey = (event: KeyboardEvent) => {
    const by = KEY_STEPS[event.key];
    if (!by) return;
    event.preventDefault();
    stack.step(by);
  };
  if (volume.enface && !pixels) return <Text size="sm">{texts.common.loading}</Text>;
  return (
    <>
      <div
        className={classes.enface}
        style={{ aspectRatio: `${ground.width} / ${ground.height}` }}
        role="slider"
        tabIndex={0}
        aria-label={volume.enface ? words.enface : words.schematic}
        aria-orientation="vertical"
        aria-valuemin={1}
        aria-valuemax={stack.count}
        aria-valuenow={index + 1}
        aria-valuetext={words.place((scans[index]?.volume?.place ?? 0) + 1, volume.count)}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          choose(event);
        }}
        onPointerMove={(event) => event.buttons > 0 && choose(event)}
        onKeyDown={onKey}
        data-testid="enface"
      >
        <Picture pixels={pixels} ground={ground} columns={heat && revealed ? columns : null} />
        <svg viewBox={`0 0 ${ground.width} ${ground.height}`} preserveAspectRatio="none" aria-hidden>
          <Lines ground={ground} />
          <Current line={ground.lines[index] ?? null} />
        </svg>
      </div>
      {!located && <Text size="xs">{words.notLocated}</Text>}
      {!volume.enface && <Text size="xs">{words.noEnface}</Text>}
      {revealed && located && (
        <Group mt={6} justify="center">
          <Switch
            size="sm"
            label={words.wholeMap}
            description={heat ? words.wholeMapHelp : undefined}
            checked={heat}
            onChange={(event) => setHeat(event.currentTarget.checked)}
          />
        </Group>
      )}
    </>
  );
}

function asLine(place: readonly number[] | null): Line | null {
  return place && place.length === 4 ? (place as unknown as Line) : null;
}

/** They stay while the stack is leafed through; the line of the current B-scan covers its own. */
const Lines = memo(function Lines({ ground }: { ground: Ground }) {
  return ground.lines.map((line, index) => line && <LineOf key={index} line={line} />);
});

function LineOf({ line: [x1, y1, x2, y2] }: { line: Line }) {
  return <line x1={x1} y1={y1} x2={x2} y2={y2} className={classes.line} />;
}

function Current({ line }: { line: Line | null }) {
  if (!line) return null;
  const [x1, y1, x2, y2] = line;
  return <line x1={x1} y1={y1} x2={x2} y2={y2} className={classes.current} data-testid="current-line" />;
}

/** The en-face image with the heat map of the whole volume on it. */
const Picture = memo(function Picture({
  pixels,
  ground,
  columns,
}: {
  pixels: ImageData | null;
  ground: Ground;
  columns: MapColumns | null;
}) {
  const ref = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const canvas = ref.current!;
    [canvas.width, canvas.height] = [ground.width, ground.height];
    const context = canvas.getContext("2d")!;
    if (pixels) context.putImageData(pixels, 0, 0);
    if (columns) drawWholeMap(context, ground, columns);
  }, [pixels, ground, columns]);
  return <canvas ref={ref} aria-hidden />;
});

function drawWholeMap(context: CanvasRenderingContext2D, ground: Ground, columns: MapColumns): void {
  context.globalAlpha = 0.65;
  stripsOf(ground).forEach((strip, index) => {
    const strongest = columns[index];
    if (!strip || !strongest) return;
    const row = new ImageData(strongest.length, 1);
    strongest.forEach((value, x) => row.data.set([value, value, value, 255], 4 * x));
    const coloured = document.createElement("canvas");
    [coloured.width, coloured.height] = [row.width, 1];
    showColoured(row, coloured);
    const [x0, y0, x1, y1] = strip.line;
    context.save();
    context.translate(x0, y0);
    context.rotate(Math.atan2(y1 - y0, x1 - x0));
    context.drawImage(coloured, 0, -strip.thickness / 2, Math.hypot(x1 - x0, y1 - y0), strip.thickness);
    context.restore();
  });
  context.globalAlpha = 1;
}
