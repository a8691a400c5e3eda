import { Stack as Column, Text } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import { useLocation, useSearchParams } from "react-router";

import { useReading } from "../api/readings";
import type { Me, Reading, Scan, Volume } from "../api/types";
import { useBScans, useVolume } from "../api/volumes";
import { useKeys } from "../common/keys";
import { useTexts } from "../common/useTexts";
import { ProblemAlert } from "../common/ProblemAlert";
import { ScanIdentity } from "../common/ScanIdentity";
import { Waiting } from "../common/Waiting";
import { ScanView } from "../drawing/ScanView";
import { useDrawing } from "../drawing/useDrawing";
import { texts } from "../texts";
import { EnFace } from "../volume/EnFace";
import { StackStrip } from "../volume/StackStrip";
import { useStack } from "../volume/useStack";
import { VolumeAnswer } from "../volume/VolumeAnswer";
import { Actions } from "./Actions";
import { Answer } from "./Answer";
import { Details } from "./Details";
import { Drawn } from "./Drawn";
import { FinalReading } from "./FinalReading";
import { Findings } from "./Findings";
import { NoPrediction } from "./NoPrediction";
import { OtherEye } from "./OtherEye";
import { Readers } from "./Readers";
import { Sendings } from "./Sendings";
import classes from "./ReadingPage.module.css";
import { Recommendation } from "./Recommendation";
import { Section } from "./Section";
import { Shapes } from "./Shapes";
import { useCopying } from "./useCopying";
import { VerdictForm } from "./VerdictForm";

/** The address's parameter of the B-scan that is shown, from 1 on. */
const PLACE = "bscan";

/** A volume: to leaf through, draw on and give a verdict on. It opens at the address's B-scan, else at `first`. */
export function VolumeReading({ id, first, me }: { id: string; first: number; me: Me }) {
  const [search] = useSearchParams();
  const volume = useVolume(id);
  const scans = useBScans(volume.data);
  const [leadId, reading] = useLead(volume.data, scans.data !== undefined && !scans.isPlaceholderData);
  const isLoaded = volume.data && scans.data && reading.data;
  const error = isLoaded ? null : (volume.error ?? scans.error ?? reading.error);
  if (error) {
    const retry = () => void Promise.all([volume.refetch(), scans.refetch(), reading.refetch()]);
    return (
      <Column p="md">
        <ProblemAlert error={error} onRetry={retry} />
      </Column>
    );
  }
  const lead = scans.data?.find((scan) => scan.id === leadId);
  if (!volume.data || !scans.data || !lead || !reading.data) {
    return <Waiting text={texts.common.loading} height="70vh" />;
  }
  return (
    <VolumePage
      volume={volume.data}
      scans={scans.data}
      lead={lead}
      start={indexOf(volume.data, search.get(PLACE), first)}
      reading={reading.data}
      me={me}
    />
  );
}

/**
 * The B-scan that stands for the volume, by its id, with its reading. Once all are answered it may be another one: the
 * one before stays until what is to be shown of the new one is here, so that nobody loses the page that they work on.
 */
function useLead(
  volume: Volume | undefined,
  areScansHere: boolean,
): [string | null, ReturnType<typeof useReading>] {
  const [shown, setShown] = useState<string | null>(null);
  const named = volume?.lead ?? null;
  const next = useReading(named);
  const reading = useReading(shown ?? named);
  if (named !== shown && next.data && (shown === null || areScansHere)) setShown(named);
  return [shown ?? named, reading];
}

interface Props {
  volume: Volume;
  /** Its B-scans, in order. */
  scans: readonly Scan[];
  /** The B-scan that stands for the volume: a verdict on it is one on the volume. */
  lead: Scan;
  start: number;
  reading: Reading;
  me: Me;
}

function VolumePage({ volume, scans, lead, start, reading, me }: Props) {
  const words = useTexts(volume.modality);
  const mayDraw = me.abilities.includes("may_read");
  const unfinished = useRef<() => boolean>(() => false);
  const { stack, shown } = useStack(scans, start, unfinished);
  const scan = scans[shown]!;
  const place = (scan.volume?.place ?? 0) + 1;
  usePlaceInAddress(place);
  const predicted = scan.status === "predicted";
  const revealed = predicted && !scan.answer_hidden;
  const [drawing, state] = useDrawing(me.id, scan.id, mayDraw, reading.open ? reading.reader_count : 0);
  useEffect(() => {
    unfinished.current = () => drawing.pen?.isDrawing ?? false;
  }, [drawing]);
  const copyOn = useCopying(stack, shown, drawing, state);
  useKeys({
    pageup: () => stack.step(-1),
    pagedown: () => stack.step(1),
    home: () => stack.goTo(0),
    end: () => stack.goTo(stack.count - 1),
    k: copyOn,
  });
  const { final_reading: final } = lead;
  const leadAnswers = lead.status === "predicted" && !lead.answer_hidden;
  const title = texts.reading.title(lead.patient_ref);
  useEffect(() => {
    document.title = `${title} · ${texts.shell.product}`;
  }, [title]);
  return (
    <div className={classes.page}>
      <h1 className="visually-hidden">{title}</h1>
      <div className={classes.view}>
        <ScanIdentity scan={lead} className={classes.identity} />
        <ScanView
          scan={scan}
          drawing={drawing}
          state={state}
          regions={scan.regions}
          revealed={revealed}
          onCanvas={stack.attach}
        >
          <StackStrip volume={volume} stack={stack} revealed={leadAnswers} />
        </ScanView>
      </div>
      <div className={classes.panel}>
        <Actions scan={lead} />
        <OtherEye scan={lead} inPicture={volume.eye_in_picture} />
        {leadAnswers && <VolumeAnswer volume={volume} stack={stack} />}
        <Section title={words.volume.enfaceTitle}>
          <EnFace volume={volume} scans={scans} stack={stack} revealed={leadAnswers} />
        </Section>
        {final && <FinalReading given={final} />}
        {final && <Recommendation scan={lead} given={final.recommendation} rank={final.urgency_rank} />}
        {leadAnswers && lead.recommendation && (
          <Recommendation
            scan={lead}
            given={lead.recommendation}
            rank={lead.urgency_rank}
            ofModel={final !== null}
          />
        )}
        {lead.status === "predicted" && mayDraw && (
          <VerdictForm
            user={me.id}
            scan={lead}
            reading={reading}
            title={words.volume.verdict}
            onChosen={() => drawing.putToolAway()}
          />
        )}
        <div className={classes.bscan} role="group" aria-label={words.volume.place(place, volume.count)}>
          <Text size="sm" fw={600} className={classes.bscanTitle}>
            {words.volume.place(place, volume.count)}
          </Text>
          {!predicted && <NoPrediction scan={scan} />}
          {revealed && <Answer scan={scan} mayAsk={mayDraw} />}
          {revealed && <Findings scan={scan} />}
          <Shapes scan={scan} reading={reading} drawing={drawing} state={state} />
        </div>
        <Drawn lead={lead} scan={scan} reading={reading} state={state} />
        <Readers scan={lead} reading={reading} />
        <Sendings scan={lead} isAnswered={volume.complete} />
        <Details scan={lead} />
      </div>
    </div>
  );
}

/** Which of the B-scans is at the address's place; at the one that the volume opens at where there is none. */
function indexOf({ bscans }: Volume, named: string | null, first: number): number {
  const at = (place: number) => bscans.findIndex((bscan) => bscan.place === place);
  const index = named === null ? -1 : at(Number(named) - 1);
  return index >= 0 ? index : Math.max(at(first), 0);
}

/**
 * Keeps the B-scan that is shown in the address bar: reloaded or sent on, the page opens there. What the browser's
 * history keeps beside the address, such as how the volume was reached, stays.
 */
function usePlaceInAddress(place: number): void {
  const [search, setSearch] = useSearchParams();
  const { state } = useLocation() as { state: unknown };
  const named = search.get(PLACE);
  useEffect(() => {
    if (named === String(place)) return;
    const next = (before: URLSearchParams) => ({ ...Object.fromEntries(before), [PLACE]: String(place) });
    setSearch(next, { replace: true, state });
  }, [named, place, setSearch, state]);
}
