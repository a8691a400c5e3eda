import { Stack } from "@mantine/core";
import { useEffect } from "react";
import { useParams } from "react-router";

import { useMe } from "../api/accounts";
import { Problem } from "../api/problem";
import { useReading } from "../api/readings";
import { useScan } from "../api/scans";
import type { Me, Reading, Scan } from "../api/types";
import { ProblemAlert } from "../common/ProblemAlert";
import { Waiting } from "../common/Waiting";
import { ScanIdentity } from "../common/ScanIdentity";
import { ScanView } from "../drawing/ScanView";
import { useDrawing } from "../drawing/useDrawing";
import { NotFound } from "../common/NotFound";
import { texts } from "../texts";
import { Actions } from "./Actions";
import { Answer } from "./Answer";
import { Details } from "./Details";
import { Drawn } from "./Drawn";
import { Findings } from "./Findings";
import { FinalReading } from "./FinalReading";
import { OtherEye } from "./OtherEye";
import { Readers } from "./Readers";
import classes from "./ReadingPage.module.css";
import { Recommendation } from "./Recommendation";
import { Sendings } from "./Sendings";
import { Shapes } from "./Shapes";
import { NoPrediction } from "./NoPrediction";
import { VerdictForm } from "./VerdictForm";
import { VolumeReading } from "./VolumeReading";

/** One scan: to look at, draw on and give a verdict on. */
export default function ReadingPage() {
  const { id = "" } = useParams();
  const me = useMe();
  const scan = useScan(id);
  const reading = useReading(id);
  const gone = scan.error instanceof Problem && scan.error.status === 404;
  if (gone) return <NotFound />;
  const error = scan.data && reading.data ? null : (scan.error ?? reading.error);
  if (error) {
    const retry = () => void Promise.all([scan.refetch(), reading.refetch()]);
    return (
      <Stack p="md">
        <ProblemAlert error={error} onRetry={retry} />
      </Stack>
    );
  }
  if (!scan.data || !reading.data || !me) return <Waiting text={texts.common.loading} height="70vh" />;
  const { volume } = scan.data;
  if (volume)
    return <VolumeReading key={`${me.id}/${volume.id}`} id={volume.id} first={volume.place} me={me} />;
  return <ScanReading key={`${me.id}/${id}`} scan={scan.data} reading={reading.data} me={me} />;
}

function ScanReading({ scan, reading, me }: { scan: Scan; reading: Reading; me: Me }) {
  const mayDraw = me.abilities.includes("may_read");
  const predicted = scan.status === "predicted";
  const hidden = scan.answer_hidden;
  const [drawing, state] = useDrawing(me.id, scan.id, mayDraw, reading.open ? reading.reader_count : 0);
  const { regions, final_reading: final } = scan;
  const title = texts.reading.title(scan.patient_ref);
  useEffect(() => {
    document.title = `${title} · ${texts.shell.product}`;
  }, [title]);
  return (
    <div className={classes.page}>
      <h1 className="visually-hidden">{title}</h1>
      <div className={classes.view}>
        <ScanIdentity scan={scan} className={classes.identity} />
        <ScanView
          scan={scan}
          drawing={drawing}
          state={state}
          regions={regions}
          revealed={predicted && !hidden}
        />
      </div>
      <div className={classes.panel}>
        <Actions scan={scan} />
        <OtherEye scan={scan} />
        {!predicted && <NoPrediction scan={scan} />}
        {final && <FinalReading given={final} />}
        {final && <Recommendation scan={scan} given={final.recommendation} rank={final.urgency_rank} />}
        {predicted && !hidden && <Answer scan={scan} mayAsk={mayDraw} />}
        {predicted && !hidden && <Findings scan={scan} />}
        {predicted && mayDraw && (
          <VerdictForm user={me.id} scan={scan} reading={reading} onChosen={() => drawing.putToolAway()} />
        )}
        {predicted && !hidden && scan.recommendation && (
          <Recommendation
            scan={scan}
            given={scan.recommendation}
            rank={scan.urgency_rank}
            ofModel={final !== null}
          />
        )}
        <Shapes scan={scan} reading={reading} drawing={drawing} state={state} />
        <Drawn lead={scan} scan={scan} reading={reading} state={state} />
        <Readers scan={scan} reading={reading} />
        <Sendings scan={scan} isAnswered={predicted} />
        <Details scan={scan} />
      </div>
    </div>
  );
}
