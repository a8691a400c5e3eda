import { Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { useParams } from "react-router";

import { json } from "../api/client";
import { Problem } from "../api/problem";
import type { Me, Reading, Scan } from "../api/types";
import { ProblemAlert } from "../common/ProblemAlert";
import { useMe } from "../common/useMe";
import { Waiting } from "../common/Waiting";
import { Whose } from "../common/Whose";
import { ScanView } from "../drawing/ScanView";
import { ShapeList } from "../drawing/ShapeList";
import { useDrawing } from "../drawing/useDrawing";
import { NotFound } from "../shell/NotFound";
import { texts } from "../texts";
import { Actions } from "./Actions";
import { Answer } from "./Answer";
import { Details } from "./Details";
import { FinalReading } from "./FinalReading";
import { Readers } from "./Readers";
import classes from "./ReadingPage.module.css";
import { Recommendation } from "./Recommendation";
import { Section } from "./Section";
import { Unread } from "./Unread";
import { VerdictForm } from "./VerdictForm";

const POLL_MS = 2000;

/** One scan: to look at, draw on and give a verdict on. */
export default function ReadingPage() {
  const { id = "" } = useParams();
  const me = useMe();
  const scan = useQuery({
    queryKey: ["scan", id],
    queryFn: () => json<Scan>(`scans/${id}/`),
    refetchInterval: ({ state }) => (state.data?.status === "queued" ? POLL_MS : false),
  });
  const reading = useQuery({
    queryKey: ["reading", id],
    queryFn: () => json<Reading>(`scans/${id}/reading/`),
  });
  const gone = scan.error instanceof Problem && scan.error.status === 404;
  if (gone) return <NotFound />;
  const error = scan.data ? null : (scan.error ?? reading.error);
  if (error) {
    const retry = () => void Promise.all([scan.refetch(), reading.refetch()]);
    return (
      <Stack p="md">
        <ProblemAlert error={error} onRetry={retry} />
      </Stack>
    );
  }
  if (!scan.data || !reading.data || !me) return <Waiting text={texts.common.loading} height="70vh" />;
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
        <Whose scan={scan} className={classes.whose} />
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
        {!predicted && <Unread scan={scan} />}
        {final && <FinalReading given={final} />}
        {final && <Recommendation scan={scan} given={final.recommendation} rank={final.urgency_rank} />}
        {predicted && !hidden && <Answer scan={scan} mayAsk={mayDraw} />}
        {predicted && mayDraw && (
          <VerdictForm user={me.id} scan={scan} reading={reading} onChosen={() => drawing.rest()} />
        )}
        {predicted && !hidden && scan.recommendation && (
          <Recommendation
            scan={scan}
            given={scan.recommendation}
            rank={scan.urgency_rank}
            ofModel={final !== null}
          />
        )}
        <Section title={texts.drawing.shapes}>
          {mayDraw && reading.own === null && (
            <Text size="xs" c="dimmed" mb={4}>
              {texts.reading.draft}
            </Text>
          )}
          <ShapeList drawing={drawing} state={state} scan={scan} regions={regions} open={reading.open} />
        </Section>
        <Readers scan={scan} reading={reading} />
        <Details scan={scan} />
      </div>
    </div>
  );
}
