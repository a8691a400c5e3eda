import { ActionIcon, Group, Slider, Text } from "@mantine/core";
import { IconChevronLeft, IconChevronRight } from "@tabler/icons-react";
import { type CSSProperties, memo, type PointerEvent, type ReactNode, useId } from "react";

import type { BScan, Volume } from "../api/types";
import { useTexts } from "../common/useTexts";
import classes from "./Stack.module.css";
import { type Stack, useIndex } from "./useStack";

/** Tiers of urgency, the highest of which fills the strip. */
const TIERS = 5;

interface Props {
  volume: Volume;
  stack: Stack;
  /** Whether what the model says may be seen. */
  revealed: boolean;
}

/**
 * All B-scans of a volume as bars, as high as they are urgent, filled, hatched or hollow by how far the model has
 * answered; and where in the stack one is.
 */
export function StackStrip({ volume: { bscans, count, modality }, stack, revealed }: Props) {
  const words = useTexts(modality).volume;
  const hatch = useId();
  const index = useIndex(stack);
  const current = bscans[index];
  const place = current?.place ?? 0;
  const goToPointer = (event: PointerEvent<SVGSVGElement>) => {
    const { left, width } = event.currentTarget.getBoundingClientRect();
    const pointed = Math.floor(((event.clientX - left) / width) * count);
    const nearest = bscans.findIndex((bscan) => bscan.place >= pointed);
    stack.goTo(nearest < 0 ? bscans.length - 1 : nearest);
  };
  return (
    <div className={classes.strip} data-testid="strip">
      <Group gap={4} wrap="nowrap" mb={4}>
        <Leaf label={words.before} disabled={index === 0} onClick={() => stack.step(-1)}>
          <IconChevronLeft size={18} aria-hidden />
        </Leaf>
        <Text size="sm" className={classes.place} data-testid="place">
          {words.place(place + 1, count)}
        </Text>
        <Leaf label={words.after} disabled={index === stack.count - 1} onClick={() => stack.step(1)}>
          <IconChevronRight size={18} aria-hidden />
        </Leaf>
        <Text size="xs" c="dimmed" ml="auto" visibleFrom="sm">
          {revealed && words.legend}
        </Text>
      </Group>
      <svg
        viewBox={`0 0 ${count} ${TIERS + 1}`}
        preserveAspectRatio="none"
        className={classes.bars}
        style={{ "--bscans": count } as CSSProperties}
        aria-hidden
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          goToPointer(event);
        }}
        onPointerMove={(event) => event.buttons > 0 && goToPointer(event)}
      >
        <Bars bscans={bscans} hatch={hatch} />
        <rect x={place} width={1} y={0} height={TIERS + 1} className={classes.here} />
      </svg>
      <Slider
        size="sm"
        min={1}
        max={stack.count}
        value={index + 1}
        onChange={(at) => stack.goTo(at - 1)}
        label={null}
        thumbLabel={words.slider}
        thumbValueText={current && words.valueText(current, count)}
      />
    </div>
  );
}

/** They stay while the stack is leafed through. */
const Bars = memo(function Bars({ bscans, hatch }: { bscans: readonly BScan[]; hatch: string }) {
  return (
    <>
      <pattern id={hatch} width="0.25" height="0.9" patternUnits="userSpaceOnUse">
        <rect width="0.25" height="0.45" fill="currentColor" />
      </pattern>
      {bscans.map((bscan) => (
        <Bar key={bscan.id} bscan={bscan} hatching={`url(#${hatch})`} />
      ))}
    </>
  );
});

function Bar({
  bscan: { place, state, status, urgency_rank: urgency },
  hatching,
}: {
  bscan: BScan;
  hatching: string;
}) {
  if (status !== "predicted" || state === null)
    return <rect x={place + 0.3} width={0.4} y={TIERS + 0.5} height={0.5} className={classes.waits} />;
  const height = Math.min(Math.max(urgency, 0), TIERS) + 0.6;
  return (
    <rect
      x={place + 0.12}
      width={0.76}
      y={TIERS + 1 - height}
      height={height}
      data-state={state}
      className={classes.bar}
      fill={state === "undecided" ? hatching : undefined}
    />
  );
}

interface LeafProps {
  label: string;
  disabled: boolean;
  onClick: () => void;
  children: ReactNode;
}

function Leaf({ label, disabled, onClick, children }: LeafProps) {
  return (
    <ActionIcon
      size={30}
      variant="subtle"
      color="gray"
      c="var(--mantine-color-text)"
      aria-label={label}
      title={label}
      disabled={disabled}
      onClick={onClick}
    >
      {children}
    </ActionIcon>
  );
}
