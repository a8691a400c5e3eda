import { Button, Group, Slider, Text } from "@mantine/core";
import { useCallback, useEffect, useRef } from "react";
import { Link } from "react-router";

import type { Scan, Volume } from "../api/types";
import { useBScans, useVolume } from "../api/volumes";
import { useKeys } from "../common/keys";
import { LeadingAnswer } from "../common/LeadingAnswer";
import { useTexts } from "../common/useTexts";
import { ProblemAlert } from "../common/ProblemAlert";
import { Waiting } from "../common/Waiting";
import type { PictureCanvas } from "../drawing/canvas/PictureCanvas";
import { usePictureCanvas } from "../drawing/usePictureCanvas";
import { texts } from "../texts";
import { useIndex, useStack } from "../volume/useStack";
import classes from "./FollowUpPage.module.css";
import type { Lying } from "./linking";
import { whenOf } from "./time";
import type { SideName, Together } from "./useTogether";

interface Props {
  side: SideName;
  scan: Scan;
  heat: boolean;
  revealed: boolean;
  linked: Together;
}

/** A scan by itself lies as a volume of one. */
const ALONE: Lying = { count: 1, pattern: "", bscans: [{ place: 0 }], spacing: { between: null } };

/** One of the two days: its scan, or its volume to leaf through. */
export function Side(props: Props) {
  const { side, scan, revealed } = props;
  return (
    <section
      data-side={side}
      className={classes.side}
      aria-label={texts.followUp[side]}
      data-testid={`side-${side}`}
    >
      <Group gap="xs" justify="space-between" wrap="nowrap">
        <Text size="sm" fw={600} style={{ overflowWrap: "anywhere" }}>
          {whenOf(scan)}
        </Text>
        <Button component={Link} to={`/scans/${scan.id}`} size="compact-sm" variant="default" flex="none">
          {texts.compare.open}
        </Button>
      </Group>
      {scan.volume ? (
        <OfVolume {...props} id={scan.volume.id} first={scan.volume.place} />
      ) : (
        <Pictures {...props} scans={[scan]} start={0} volume={null} />
      )}
      {revealed && scan.prediction && (
        <div>
          <LeadingAnswer scan={scan} />
        </div>
      )}
    </section>
  );
}

function OfVolume({ id, first, ...props }: Props & { id: string; first: number }) {
  const volume = useVolume(id);
  const scans = useBScans(volume.data);
  const error = volume.error ?? scans.error;
  if (!volume.data || !scans.data) {
    if (!error) return <Waiting text={texts.common.loading} height="34vh" />;
    return (
      <ProblemAlert error={error} onRetry={() => void Promise.all([volume.refetch(), scans.refetch()])} />
    );
  }
  const start = volume.data.bscans.findIndex(({ place }) => place === first);
  return <Pictures {...props} scans={scans.data} start={Math.max(start, 0)} volume={volume.data} />;
}

interface PicturesProps extends Props {
  scans: readonly Scan[];
  start: number;
  volume: Volume | null;
}

function Pictures({ side, scan, scans, start, volume, heat, linked }: PicturesProps) {
  const nothing = useRef(() => false);
  const words = useTexts(scan.modality);
  const { stack, shown } = useStack(scans, start, nothing);
  const { count, goTo, step, attach } = stack;
  const index = useIndex(stack);
  const { join, leave, onView } = linked;
  useEffect(() => join(side, { volume: volume ?? ALONE, index, goTo }), [join, side, volume, index, goTo]);
  useEffect(() => () => leave(side), [leave, side]);
  const changed = useCallback((canvas: PictureCanvas) => onView(side, canvas), [onView, side]);
  const { ref, canvas, isShown, problem } = usePictureCanvas(
    scans[shown]!,
    { heat: heat && scans[shown]!.state !== "not_answered", opacity: 0.5 },
    { onView: changed },
  );
  useEffect(() => {
    if (!canvas) return;
    canvas.takeKeys();
    return count > 1 ? attach(canvas) : undefined;
  }, [canvas, attach, count]);
  // The side that has the focus leafs; without one the right side does.
  const leaf = (by: number) => () => {
    const focused = document.activeElement?.closest<HTMLElement>("[data-side]")?.dataset["side"];
    return count > 1 && (focused ?? "right") === side ? step(by) : false;
  };
  useKeys({ pageup: leaf(-1), pagedown: leaf(1) });
  const place = volume?.bscans[index]?.place ?? 0;
  return (
    <>
      <div className={classes.frame}>
        <div
          ref={ref}
          className={classes.canvas}
          tabIndex={0}
          role="application"
          aria-label={`${texts.followUp[side]}. ${texts.followUp.keys}`}
          data-testid={`follow-${side}`}
          data-ready={isShown}
        />
      </div>
      {volume && (
        <>
          <Text size="xs" data-testid={`place-${side}`}>
            {words.volume.place(place + 1, volume.count)}
          </Text>
          <Slider
            size="sm"
            min={1}
            max={count}
            value={index + 1}
            onChange={(at) => goTo(at - 1)}
            label={null}
            thumbLabel={`${texts.followUp[side]}: ${words.followUp.bscan}`}
            thumbValueText={words.volume.place(place + 1, volume.count)}
          />
        </>
      )}
      {problem && <ProblemAlert error={problem} />}
    </>
  );
}
