import { Alert, Button, Group, Select, Stack, Switch, Text, Title } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { type KeyboardEvent, useCallback, useEffect, useRef, useState } from "react";
import { Link, useSearchParams } from "react-router";

import { json } from "../api/client";
import type { Page, Scan } from "../api/types";
import { formatDay, formatTime } from "../common/format";
import { Leading } from "../common/Leading";
import { ProblemAlert } from "../common/ProblemAlert";
import { Waiting } from "../common/Waiting";
import { Whose } from "../common/Whose";
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
  const others = useQuery({
    queryKey: ["scans", "patient", patient],
    queryFn: () => json<Page<Scan>>(`scans/?patient_ref=${encodeURIComponent(patient)}&page_size=200`),
    enabled: patient !== "",
  });
  const [heat, setHeat] = useState(false);
  const [together, setTogether] = useState(true);
  const canvases = useRef<Partial<Record<Side, PictureCanvas>>>({});
  const following = useRef(false);
  useEffect(() => {
    document.title = `${texts.compare.title} · ${texts.shell.product}`;
  }, []);

  const choices = others.data?.results ?? [];
  const given = search.get("right");
  useEffect(() => {
    const first = choices.find((scan) => scan.id !== left.data?.id);
    if (!given && first) {
      setSearch((before) => ({ ...Object.fromEntries(before), right: first.id }), { replace: true });
    }
  }, [choices, given, left.data?.id, setSearch]);

  const onView = useCallback(
    (side: Side, canvas: PictureCanvas) => {
      canvases.current[side] = canvas;
      const other = canvases.current[side === "left" ? "right" : "left"];
      // What follows tells of its own change, too; that is not to be followed again.
      if (!together || !other || following.current) return;
      following.current = true;
      other.viewport.show(canvas.viewport.view);
      following.current = false;
    },
    [together],
  );

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
      <Unlike left={left.data} right={right.data} />
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
                  data={named(choices, scan)}
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
              {scan && <Whose scan={scan} />}
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

/** Says so when two scans are not of one eye of one patient, as they should be to compare. */
function Unlike({ left, right }: { left: Scan | undefined; right: Scan | undefined }) {
  if (!left || !right) return null;
  const said = [
    left.patient_ref !== right.patient_ref && texts.compare.otherPatients,
    left.eye && right.eye && left.eye !== right.eye && texts.compare.otherEyes,
  ].filter(Boolean);
  if (said.length === 0) return null;
  return (
    <Alert color="yellow" icon={<IconAlertTriangle aria-hidden />} role="alert" p="xs">
      {said.join(" ")}
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
  const container = useRef<HTMLDivElement>(null);
  const changed = useCallback((canvas: PictureCanvas) => onView(side, canvas), [onView, side]);
  const { canvas, isShown, problem } = usePictureCanvas(container, scan, { heat, opacity: 0.5 }, changed);
  const onKeyDown = (event: KeyboardEvent) => {
    const viewport = canvas?.viewport;
    if (!viewport) return;
    const acts: Record<string, () => void> = {
      "+": () => viewport.zoomTo(viewport.zoom() * 1.25),
      "=": () => viewport.zoomTo(viewport.zoom() * 1.25),
      "-": () => viewport.zoomTo(viewport.zoom() * 0.8),
      "0": () => viewport.fit(),
      ArrowLeft: () => viewport.panBy(40, 0),
      ArrowRight: () => viewport.panBy(-40, 0),
      ArrowUp: () => viewport.panBy(0, 40),
      ArrowDown: () => viewport.panBy(0, -40),
    };
    const act = acts[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  };
  return (
    <>
      <div className={classes.frame}>
        <div
          ref={container}
          className={classes.canvas}
          tabIndex={0}
          role="application"
          aria-label={`${texts.compare[side]}. ${texts.compare.keys}`}
          data-testid={`compare-${side}`}
          data-ready={isShown}
          onKeyDown={onKeyDown}
        />
      </div>
      {problem && <ProblemAlert error={problem} />}
      {scan.prediction && (
        <div>
          <Leading scan={scan} />
        </div>
      )}
      {scan.answer_hidden && <Text size="sm">{texts.worklist.hidden}</Text>}
    </>
  );
}

function useScan(id: string | null) {
  return useQuery({
    queryKey: ["scan", id],
    queryFn: () => json<Scan>(`scans/${id}/`),
    enabled: id !== null,
  });
}

/** What to choose from: the scans of the patient reference, and in any case the one that is shown. */
function named(scans: Scan[], shown: Scan | undefined): { value: string; label: string }[] {
  const all = shown && !scans.some((scan) => scan.id === shown.id) ? [shown, ...scans] : scans;
  return all.map((scan) => ({
    value: scan.id,
    label: texts.compare.scan(formatDay(scan.acquired) || formatTime(scan.timestamp) || scan.id, scan.eye),
  }));
}
