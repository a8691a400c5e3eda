import { Badge, Button, Group, SegmentedControl, Select, Stack, Text, Textarea } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { json } from "../api/client";
import { Problem } from "../api/problem";
import type { PredictionSeen, Reading, Review, Scan, Verdict } from "../api/types";
import { ProblemAlert } from "../common/ProblemAlert";
import { useKeys } from "../common/keys";
import { texts } from "../texts";
import { Section } from "./Section";

interface Props {
  scan: Scan;
  reading: Reading;
  /** The model's answer is hidden: asks for a label instead of a verdict on it. */
  blind: boolean;
}

interface Given {
  verdict?: Verdict;
  label?: string;
  comment?: string;
}

/** Asks for the reader's verdict, and shows it once it is given. */
export function VerdictForm({ scan, reading, blind }: Props) {
  const queries = useQueryClient();
  const [changing, setChanging] = useState(false);
  const [verdict, setVerdict] = useState<Verdict | null>(null);
  const give = useMutation({
    mutationFn: (given: Given) =>
      json<Review>(`scans/${scan.id}/review/`, { method: "POST", body: { ...given, ...seen(scan) } }),
    onError: (error) => {
      // The model has said something else meanwhile: it is shown, and the reader asked again.
      if (!(error instanceof Problem) || error.status !== 409) return;
      setVerdict(null);
      void queries.invalidateQueries({ queryKey: ["scan", scan.id] });
      void queries.invalidateQueries({ queryKey: ["scans"] });
    },
    onSuccess: () => {
      setChanging(false);
      setVerdict(null);
      for (const key of ["scan", "reading"]) void queries.invalidateQueries({ queryKey: [key, scan.id] });
      void queries.invalidateQueries({ queryKey: ["scans"] });
      void queries.invalidateQueries({ queryKey: ["dashboard"] });
    },
  });
  const { own } = reading;
  const asks = own === null || changing;
  const choose = (chosen: Verdict) => () => {
    if (blind) return;
    if (!asks) setChanging(true);
    setVerdict(chosen);
  };
  useKeys({ a: choose("agree"), d: choose("disagree"), u: choose("unsure") });

  if (!asks && own) {
    return (
      <Section title={texts.reading.verdict} testid="verdict">
        <Group justify="space-between">
          <Text role="status">
            <b>{texts.reading.given[own.verdict]}</b>
            {own.verdict === "disagree" && texts.reading.asLabel(own.label)}
            {own.blind && (
              <Badge ml={8} variant="light" tt="none" c="var(--mantine-color-text)">
                {texts.reading.wasBlind}
              </Badge>
            )}
          </Text>
          <Button size="compact-sm" variant="default" onClick={() => setChanging(true)}>
            {texts.reading.change}
          </Button>
        </Group>
        {own.comment && (
          <Text size="sm" c="dimmed" mt={4}>
            {own.comment}
          </Text>
        )}
      </Section>
    );
  }
  return (
    <Section title={blind ? texts.reading.blindTitle : texts.reading.verdict} testid="verdict">
      <Stack gap="sm">
        {blind ? (
          <BlindFields
            scan={scan}
            counts={reading.would_be_blind}
            busy={give.isPending}
            onGive={give.mutate}
          />
        ) : (
          <Fields
            scan={scan}
            busy={give.isPending}
            verdict={verdict}
            onVerdict={setVerdict}
            onGive={give.mutate}
            onCancel={changing ? () => setChanging(false) : null}
          />
        )}
        {give.error && <ProblemAlert error={give.error} />}
      </Stack>
    </Section>
  );
}

/** The answer that is on the screen, if one is. */
function seen(scan: Scan): { prediction_seen?: PredictionSeen } {
  if (scan.prediction === null) return {};
  return { prediction_seen: { label: scan.prediction, model_version: scan.model?.version ?? "" } };
}

interface FieldsProps {
  scan: Scan;
  busy: boolean;
  verdict: Verdict | null;
  onVerdict: (verdict: Verdict) => void;
  onGive: (given: Given) => void;
  onCancel: (() => void) | null;
}

function Fields({ scan, busy, verdict, onVerdict, onGive, onCancel }: FieldsProps) {
  const [label, setLabel] = useState<string | null>(null);
  const [comment, setComment] = useState("");
  const [tried, setTried] = useState(false);
  const disagrees = verdict === "disagree";
  const others = scan.labels.filter((name) => name !== scan.prediction);
  const complete = verdict !== null && (!disagrees || (label !== null && comment.trim() !== ""));
  const submit = () => {
    setTried(true);
    if (!complete) return;
    onGive({ verdict, comment: comment.trim(), ...(disagrees && label ? { label } : {}) });
  };
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <Stack gap="sm">
        <SegmentedControl
          fullWidth
          aria-label={texts.reading.verdict}
          value={verdict ?? ""}
          onChange={(value) => onVerdict(value as Verdict)}
          data={(["agree", "disagree", "unsure"] as const).map((value) => ({
            value,
            label: texts.reading[value],
          }))}
        />
        {disagrees && (
          <Select
            label={texts.reading.rightLabel}
            placeholder={texts.reading.chooseLabel}
            data={others}
            value={label}
            onChange={setLabel}
            error={tried && label === null && texts.reading.labelMissing}
            required
          />
        )}
        {verdict && (
          <Textarea
            label={disagrees ? texts.reading.reason : texts.reading.comment}
            placeholder={disagrees ? texts.reading.reasonHelp : undefined}
            autosize
            minRows={2}
            maxLength={2000}
            value={comment}
            onChange={(event) => setComment(event.currentTarget.value)}
            error={tried && disagrees && comment.trim() === "" && texts.reading.reasonMissing}
            required={disagrees}
          />
        )}
        <Group gap="xs">
          <Button type="submit" loading={busy} disabled={verdict === null}>
            {texts.reading.submit}
          </Button>
          {onCancel && (
            <Button variant="default" onClick={onCancel}>
              {texts.common.cancel}
            </Button>
          )}
        </Group>
      </Stack>
    </form>
  );
}

type BlindProps = Pick<FieldsProps, "scan" | "busy" | "onGive"> & {
  /** Whether the reader was shown nothing until now. */
  counts: boolean;
};

function BlindFields({ scan, counts, busy, onGive }: BlindProps) {
  const [label, setLabel] = useState<string | null>(null);
  const [comment, setComment] = useState("");
  return (
    <>
      <Text size="sm">{counts ? texts.reading.blindHelp : texts.reading.notBlindHelp}</Text>
      <Select
        label={texts.reading.blindLabel}
        placeholder={texts.reading.chooseLabel}
        data={scan.labels}
        value={label}
        onChange={setLabel}
      />
      <Textarea
        label={texts.reading.comment}
        autosize
        minRows={1}
        maxLength={2000}
        value={comment}
        onChange={(event) => setComment(event.currentTarget.value)}
      />
      <Group gap="xs">
        <Button
          loading={busy}
          disabled={label === null}
          onClick={() => label && onGive({ label, comment: comment.trim() })}
        >
          {texts.reading.blindSubmit}
        </Button>
        <Button
          variant="default"
          disabled={busy}
          onClick={() => onGive({ verdict: "unsure", comment: comment.trim() })}
        >
          {texts.reading.unsure}
        </Button>
      </Group>
    </>
  );
}
