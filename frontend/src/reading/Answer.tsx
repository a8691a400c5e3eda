import { Alert, Button, Group, Text, Tooltip } from "@mantine/core";
import { useState } from "react";

import { useModality } from "../api/options";
import type { Scan } from "../api/types";
import { headline, isCalibrated, namesLabel, ranked, namedLabels, why } from "../common/answer";
import { formatProbability } from "../common/format";
import { StateBadge } from "../common/StateBadge";
import { texts } from "../texts";
import classes from "./Answer.module.css";
import { Familiarity } from "./Familiarity";
import { Probabilities } from "./Probabilities";
import { Section } from "./Section";
import { type HeatMapRequest, useHeatMap } from "./useHeatMap";

/** The model's answer: a label, several that it can't tell apart, or that it has not answered; and why. */
export function Answer({ scan, mayAsk }: { scan: Scan; mayAsk: boolean }) {
  const { state } = scan;
  const heatMap = useHeatMap(scan);
  const notes = useModality(scan.modality)?.notes ?? [];
  return (
    <Section title={texts.reading.answer} testid="answer">
      {notes.length > 0 && (
        <Alert color="yellow" mb="xs" p="xs" data-testid="notes">
          {notes.join(" ")}
        </Alert>
      )}
      <Headline scan={scan} />
      {!namesLabel(scan) && (
        <Text size="sm" mt={4} data-testid="why">
          {why(scan) || texts.common.hasToRead}
        </Text>
      )}
      {scan.model?.withdrawn && (
        <Alert color="yellow" mt="xs" p="xs" title={texts.reading.withdrawn.title} data-testid="withdrawn">
          {texts.reading.withdrawn.help}
        </Alert>
      )}
      {scan.doubts.length > 0 && (
        <Alert
          color="yellow"
          mt="xs"
          p="xs"
          title={state === "not_answered" ? texts.reading.doubtfulPicture : texts.reading.doubtful}
          data-testid="doubts"
        >
          {scan.doubts.join(" ")} {state !== "not_answered" && texts.reading.doubtfulHelp}
        </Alert>
      )}
      {!namesLabel(scan) ? (
        <Unnamed scan={scan} heatMap={heatMap} mayAsk={mayAsk} />
      ) : (
        <>
          <NotCalibrated scan={scan} />
          <Probabilities
            scan={scan}
            heatMap={heatMap}
            title={texts.reading.probabilities}
            entries={ranked(scan.probabilities)}
            mayAsk={mayAsk}
          />
        </>
      )}
      <Familiarity scan={scan} />
      {state !== "not_answered" && (
        <Caveats caveats={scan.caveats.filter((caveat) => !notes.includes(caveat))} />
      )}
      <Text size="xs" c="dimmed" mt="sm">
        {scan.model && `${texts.reading.model(scan.model.name, scan.model.version)} · `}
        {scan.calibration && `${texts.reading.calibratedBy(scan.calibration)} · `}
        {texts.common.research}
      </Text>
    </Section>
  );
}

function Headline({ scan }: { scan: Scan }) {
  const { state } = scan;
  if (state === "not_answered") {
    return (
      <div className={classes.label} data-testid="label">
        <StateBadge state={state} size={28} />
      </div>
    );
  }
  return (
    <>
      {state && <StateBadge state={state} size={18} />}
      <Group align="baseline" gap="sm">
        <Text className={namesLabel(scan) ? classes.label : classes.open} data-testid="label">
          {headline(scan)}
        </Text>
        {namesLabel(scan) && <Confidence scan={scan} />}
      </Group>
    </>
  );
}

/** The confidence in the label; explained only where it is calibrated. */
function Confidence({ scan }: { scan: Scan }) {
  const share = formatProbability(scan.confidence ?? 0);
  if (!isCalibrated(scan)) return <Text size="sm">{texts.reading.confidence(share)}</Text>;
  return (
    <Tooltip label={texts.reading.confidenceHelp} multiline maw={260}>
      <Text size="sm" tabIndex={0}>
        {texts.reading.calibrated(share)}
      </Text>
    </Tooltip>
  );
}

/** Probabilities where no label is the answer: those that are left open, and, unfolded, all others. */
function Unnamed({ scan, heatMap, mayAsk }: { scan: Scan; heatMap: HeatMapRequest; mayAsk: boolean }) {
  const [unfolded, setUnfolded] = useState(false);
  const open = namedLabels(scan);
  const all = ranked(scan.probabilities);
  const others = all.filter(([label]) => !open.includes(label));
  return (
    <>
      {open.length > 0 && (
        <>
          <Probabilities
            scan={scan}
            heatMap={heatMap}
            title={texts.reading.leftOpen}
            entries={all.filter(([label]) => open.includes(label))}
            mayAsk={mayAsk}
          />
          <NotCalibrated scan={scan} />
        </>
      )}
      {others.length > 0 && (
        <Button
          variant="subtle"
          size="compact-sm"
          mt={6}
          aria-expanded={unfolded}
          onClick={() => setUnfolded(!unfolded)}
        >
          {open.length > 0 ? texts.reading.others : texts.reading.wouldHaveSaid}
        </Button>
      )}
      {unfolded && (
        <>
          {open.length === 0 && <NotCalibrated scan={scan} />}
          <Probabilities
            scan={scan}
            heatMap={heatMap}
            title={texts.reading.probabilities}
            entries={others}
            mayAsk={mayAsk}
          />
          {open.length === 0 && <Caveats caveats={scan.caveats} />}
        </>
      )}
    </>
  );
}

/** What the model's card says of the label; shown only where the label is shown. */
function Caveats({ caveats }: { caveats: readonly string[] }) {
  if (caveats.length === 0) return null;
  return (
    <Alert color="yellow" mt="sm" p="xs" title={texts.reading.caveats} data-testid="caveats">
      {caveats.map((caveat) => (
        <div key={caveat}>{caveat}</div>
      ))}
    </Alert>
  );
}

/** Says that the numbers are not calibrated; renders nothing for predictions without a state. */
function NotCalibrated({ scan }: { scan: Scan }) {
  if (scan.state === null || isCalibrated(scan)) return null;
  const { known, unknown, unable } = texts.reading.notCalibrated;
  return (
    <Text size="sm" mt={4} data-testid="not-calibrated">
      {scan.known === null ? unable : scan.known ? known : unknown}
    </Text>
  );
}
