import { Alert, Button, Group, Select, Stack, Switch, Text, Title } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { Link, useSearchParams } from "react-router";

import { useScan, useScansOfPatient } from "../api/scans";
import { useModalities } from "../api/options";
import type { Modality, Scan } from "../api/types";
import { formatDay, formatTime } from "../common/format";
import { LeadingAnswer } from "../common/LeadingAnswer";
import { ProblemAlert } from "../common/ProblemAlert";
import { Waiting } from "../common/Waiting";
import { ScanIdentity } from "../common/ScanIdentity";
import type { PictureCanvas } from "../drawing/canvas/PictureCanvas";
import { usePictureCanvas } from "../drawing/usePictureCanvas";
import { texts } from "../texts";
import classes from "./ComparePage.module.css";

const SIDES = ["left", "right"] as const;
type Side = (typeof SIDES)[number];

/** Two scans of one patient reference beside each other, which move and zoom together. */
export default function ComparePage() {
  const [search, setSearch] = useSearchParams();
  const left = useScan(search.get("left"));
  const right = useScan(search.get("right"));
  const patient = left.data?.patient_ref ?? "";
  const others = useScansOfPatient(patient);
  const modalities = useModalities();
  const [heat, setHeat] = useState(false);
  const [together, setTogether] = useState(true);
  const canvases = useRef<Partial<Record<Side, PictureCanvas>>>({});
  const following = useRef(false);
  const linked = useRef(true);
  useEffect(() => {
    linked.current = together;
  }, [together]);
  useEffect(() => {
    document.title = `${texts.compare.title} · ${texts.shell.product}`;
  }, []);

  const found = others.data?.results;
  const choices = useMemo(() => found ?? [], [found]);
  const given = search.get("right");
  useEffect(() => {
    const first = choices.find((scan) => scan.id !== left.data?.id);
    if (!given && first) {
      setSearch((before) => ({ ...Object.fromEntries(before), right: first.id }), { replace: true });
    }
  }, [choices, given, left.data?.id, setSearch]);

  const onView = useCallback((side: Side, canvas: PictureCanvas) => {
    canvases.current[side] = canvas;
    const other = canvases.current[side === "left" ? "right" : "left"];
    // The viewport that follows calls back, too; that must not be followed again.
    if (!linked.current || !other || following.current) return;
    following.current = true;
    other.viewport.show(canvas.viewport.view);
    following.current = false;
  }, []);

  const error = left.error ?? right.error ?? others.error;
  const scans = { left: left.data, right: right.data };
  return (
    <Stack p="md" gap="sm">
      <Group justify="space-between">
        <Title order={1} size="h3">
          {texts.compare.title}
        </Title>
        <Group>
          <Switch
            label={texts.compare.heat}
            checked={heat}
            onChange={(event) => setHeat(event.currentTarget.checked)}
          />
          <Switch
            label={texts.compare.together}
            checked={together}
            onChange={(event) => setTogether(event.currentTarget.checked)}
          />
        </Group>
      </Group>
      {error && (
        <ProblemAlert error={error} onRetry={() => void Promise.all([left.refetch(), right.refetch()])} />
      )}
      {!search.get("left") && <Text>{texts.compare.empty}</Text>}
      {others.data && choices.length < 2 && !given && <Text>{texts.compare.noOthers}</Text>}
      <Mismatch left={left.data} right={right.data} />
      <div className={classes.pair}>
        {SIDES.map((side) => {
          const scan = scans[side];
          if (!search.get(side)) return null;
          return (
            <section key={side} className={classes.side} aria-label={texts.compare[side]}>
              <Group gap="xs" wrap="nowrap">
                <Select
                  flex={1}
                  aria-label={texts.compare[side]}
                  allowDeselect={false}
                  data={optionsOf(choices, scan, modalities)}
                  value={scan?.id ?? null}
                  onChange={(id) =>
                    id && setSearch((before) => ({ ...Object.fromEntries(before), [side]: id }))
                  }
                />
                {scan && (
                  <Button component={Link} to={`/scans/${scan.id}`} variant="default">
                    {texts.compare.open}
                  </Button>
                )}
              </Group>
              {scan && <ScanIdentity scan={scan} />}
              {scan ? (
                <Picture key={scan.id} side={side} scan={scan} heat={heat} onView={onView} />
              ) : (
                <Waiting text={texts.common.loading} />
              )}
            </section>
          );
        })}
      </div>
    </Stack>
  );
}

/** Warns when two scans are not of the same modality and of the same eye of the same patient. */
function Mismatch({ left, right }: { left: Scan | undefined; right: Scan | undefined }) {
  if (!left || !right) return null;
  const warnings = [
    left.patient_ref !== right.patient_ref && texts.compare.otherPatients,
    left.modality !== right.modality && texts.compare.otherModalities,
    left.eye && right.eye && left.eye !== right.eye && texts.compare.otherEyes,
  ].filter(Boolean);
  if (warnings.length === 0) return null;
  return (
    <Alert color="yellow" icon={<IconAlertTriangle aria-hidden />} role="alert" p="xs">
      {warnings.join(" ")}
    </Alert>
  );
}

interface PictureProps {
  side: Side;
  scan: Scan;
  heat: boolean;
  onView: (side: Side, canvas: PictureCanvas) => void;
}

function Picture({ side, scan, heat, onView }: PictureProps) {
  const changed = useCallback((canvas: PictureCanvas) => onView(side, canvas), [onView, side]);
  const { ref, canvas, isShown, problem } = usePictureCanvas(
    scan,
    { heat, opacity: 0.5 },
    { onView: changed },
  );
  useEffect(() => canvas?.takeKeys(), [canvas]);
  return (
    <>
      <div className={classes.frame}>
        <div
          ref={ref}
          className={classes.canvas}
          tabIndex={0}
          role="application"
          aria-label={`${texts.compare[side]}. ${texts.compare.keys}`}
          data-testid={`compare-${side}`}
          data-ready={isShown}
        />
      </div>
      {problem && <ProblemAlert error={problem} />}
      {scan.prediction && (
        <div>
          <LeadingAnswer scan={scan} />
        </div>
      )}
      {scan.answer_hidden && <Text size="sm">{texts.worklist.hidden}</Text>}
    </>
  );
}

/** What to choose from: the scans of the patient reference, and in any case the one that is shown. */
function optionsOf(
  scans: Scan[],
  shown: Scan | undefined,
  modalities: readonly Modality[],
): { value: string; label: string }[] {
  const titleOf = (name: string) =>
    modalities.length > 1 ? (modalities.find((each) => each.name === name)?.title ?? name) : "";
  const all = shown && !scans.some((scan) => scan.id === shown.id) ? [shown, ...scans] : scans;
  return all.map((scan) => ({
    value: scan.id,
    label: texts.compare.scan(
      formatDay(scan.acquired) || formatTime(scan.timestamp) || scan.id,
      titleOf(scan.modality),
      scan.eye,
    ),
  }));
}
