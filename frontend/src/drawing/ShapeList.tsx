import { ActionIcon, Button, Group, Select, Stack, Text, Textarea, UnstyledButton } from "@mantine/core";
import { IconTrash } from "@tabler/icons-react";
import { useEffect, useState } from "react";

import type { Annotation, Region, Scan } from "../api/types";
import { texts } from "../texts";
import { colourOf, OTHERS_COLOUR } from "./canvas/colours";
import type { Drawing, DrawingState } from "./Drawing";
import { measureOf } from "./kinds";
import type { Scale } from "./plane";
import type { Shape } from "./shapes";
import classes from "./ShapeList.module.css";
import { useScale } from "./useScale";
import { fromSelector } from "./w3c";

interface Props {
  drawing: Drawing;
  state: DrawingState;
  scan: Scan;
  /** The model's regions, which can be copied; empty while its answer is hidden. */
  regions: Region[];
  /** Whether what others draw may be seen. */
  open: boolean;
}

/** Every shape with its label and comment, also for users who can't see or reach it on the scan. */
export function ShapeList({ drawing, state, scan, regions, open }: Props) {
  const { labels } = scan;
  const scale = useScale(scan);
  if (!state.loaded) return <Text c="dimmed">{state.problem?.message ?? texts.drawing.loading}</Text>;
  return (
    <Stack gap="xs">
      {drawing.mayDraw && state.shapes.length === 0 && (
        <Text size="sm" c="dimmed">
          {regions.length > 0 ? texts.drawing.noShapesButRegions : texts.drawing.noShapes}
        </Text>
      )}
      <Stack component="ul" gap={6} m={0} p={0} className={classes.list}>
        {state.shapes.map((shape, index) => (
          <li key={shape.key} data-testid="shape" data-kind={shape.geometry.kind}>
            <Line {...{ drawing, shape, index, labels, scale }} selected={state.selected === shape.key} />
          </li>
        ))}
      </Stack>
      {drawing.mayDraw && regions.length > 0 && (
        <Group gap={6}>
          {regions.map((region, index) => (
            <Button
              key={index}
              size="compact-sm"
              variant="default"
              title={texts.drawing.copyRegionHelp}
              onClick={() => copyRegion(drawing, scan, region)}
            >
              {texts.drawing.copyRegion(index + 1)}
            </Button>
          ))}
        </Group>
      )}
      <Others shapes={state.others} scale={scale} mayDraw={drawing.mayDraw} open={open} />
    </Stack>
  );
}

interface OthersProps {
  shapes: readonly Annotation[];
  scale: Scale;
  mayDraw: boolean;
  open: boolean;
}

/** Other readers' shapes, read-only; or why there are none. */
function Others({ shapes, scale, mayDraw, open }: OthersProps) {
  if (shapes.length === 0) {
    if (open && mayDraw) return null;
    return (
      <Text size="sm" c="dimmed">
        {open ? texts.drawing.noShapesOfAnybody : texts.drawing.othersHidden}
      </Text>
    );
  }
  return (
    <>
      <Text size="sm" c="dimmed">
        {texts.drawing.others(shapes.length)}
      </Text>
      <Stack component="ul" gap={2} m={0} p={0} className={classes.list}>
        {shapes.map((shape, index) => (
          <li key={shape.id} data-testid="others-shape" data-kind={shape.shape} className={classes.name}>
            <span className={classes.colour} style={{ background: OTHERS_COLOUR }} aria-hidden />
            <span>
              {texts.drawing.shape(index + 1, texts.drawing.kinds[shape.shape])}
              {shape.label && <b> · {shape.label}</b>}
              {measure(shape, scale)}
              {` · ${shape.creator_name}`}
              {shape.comment && <span className={classes.comment}> {shape.comment}</span>}
            </span>
          </li>
        ))}
      </Stack>
    </>
  );
}

/** What a shape measures, such as a caliper its length; nothing for most. */
function measure(annotation: Annotation, scale: Scale): string {
  const geometry = fromSelector(annotation.target.selector);
  const measured = geometry && measureOf(geometry, scale);
  return measured ? ` · ${measured}` : "";
}

/** Copies a region of the model to the reader's shapes, and selects it. */
export function copyRegion(drawing: Drawing, scan: Scan, region: Region): void {
  // A label that the model does not name must not become the reader's.
  const label = scan.state === "not_answered" ? "" : (scan.heatmap_label ?? "");
  drawing.add({ kind: "polygon", points: region.polygon.flat() }, label);
  const added = drawing.snapshot().selected;
  drawing.setTool("select");
  drawing.select(added);
}

interface LineProps {
  drawing: Drawing;
  shape: Shape;
  index: number;
  labels: string[];
  scale: Scale;
  selected: boolean;
}

function Line({ drawing, shape, index, labels, scale, selected }: LineProps) {
  const name = texts.drawing.shape(index + 1, texts.drawing.kinds[shape.geometry.kind]);
  const measured = measureOf(shape.geometry, scale);
  return (
    <div className={classes.line} data-selected={selected}>
      <Group justify="space-between" wrap="nowrap" gap="xs">
        <UnstyledButton
          className={classes.name}
          aria-expanded={selected}
          onClick={() => {
            drawing.setTool("select");
            drawing.select(selected ? null : shape.key);
          }}
        >
          <span className={classes.colour} style={{ background: colourOf(shape.label) }} aria-hidden />
          <span>
            {name}
            {shape.label && <b> · {shape.label}</b>}
            {measured && <span> · {measured}</span>}
            {shape.comment && !selected && <span className={classes.comment}> {shape.comment}</span>}
          </span>
        </UnstyledButton>
        {drawing.mayDraw && (
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label={texts.drawing.delete(name)}
            onClick={() => drawing.remove(shape.key)}
          >
            <IconTrash size={16} aria-hidden />
          </ActionIcon>
        )}
      </Group>
      {selected && drawing.mayDraw && (
        <Stack gap="xs" mt="xs">
          <Select
            size="sm"
            aria-label={texts.drawing.label}
            placeholder={texts.drawing.noLabel}
            clearable
            data={labels}
            value={shape.label || null}
            onChange={(label) => drawing.change(shape.key, { label: label ?? "" })}
            comboboxProps={{ withinPortal: true }}
          />
          <Comment drawing={drawing} shape={shape} />
        </Stack>
      )}
    </div>
  );
}

/** A comment is one step of undo, not one per letter: it counts when the field is left, or the typing pauses. */
function Comment({ drawing, shape }: { drawing: Drawing; shape: Shape }) {
  const [typed, setTyped] = useState({ over: shape.comment, text: shape.comment });
  // A comment that something else changed, such as undo, replaces what was typed.
  const text = typed.over === shape.comment ? typed.text : shape.comment;
  useEffect(() => {
    if (text === shape.comment) return;
    const timer = setTimeout(() => drawing.change(shape.key, { comment: text }), 400);
    return () => clearTimeout(timer);
  }, [drawing, shape.key, shape.comment, text]);
  return (
    <Textarea
      size="sm"
      aria-label={texts.drawing.comment}
      placeholder={texts.drawing.comment}
      autosize
      minRows={1}
      maxRows={6}
      maxLength={2000}
      value={text}
      onChange={(event) => setTyped({ over: shape.comment, text: event.currentTarget.value })}
      onBlur={() => text !== shape.comment && drawing.change(shape.key, { comment: text })}
    />
  );
}
