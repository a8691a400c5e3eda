import { Alert, Button, List, Select, Stack, Table, Text, Textarea } from "@mantine/core";
import { IconGavel } from "@tabler/icons-react";
import { useState } from "react";

import { useAdjudicate, useReviews } from "../api/reviews";
import type { Adjudication, Reading, Review, Scan } from "../api/types";
import { formatCoefficient, formatShare, formatTime } from "../common/format";
import { ProblemAlert } from "../common/ProblemAlert";
import { succeeds, useUnsaved } from "../common/unsaved";
import { texts } from "../texts";
import { Section } from "./Section";

/** The verdicts and drawings of all readers, how far they agree, and the adjudication. */
export function Readers({ scan, reading }: { scan: Scan; reading: Reading }) {
  const { reviews, agreeing_pairs, pairs, dice, heatmap, adjudication } = reading;
  if (!reading.open) {
    return (
      <Section title={texts.reading.readers} testid="readers">
        <Text size="sm">{texts.reading.hidden(reading.reader_count - (reading.own ? 1 : 0))}</Text>
      </Section>
    );
  }
  return (
    <Section title={texts.reading.readers} testid="readers">
      <Stack gap="sm">
        {reviews.length === 0 && <Text size="sm">{texts.reading.nobody}</Text>}
        {reviews.length > 0 && (
          <Table verticalSpacing={4} horizontalSpacing="xs">
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{texts.reading.columns.reader}</Table.Th>
                <Table.Th>{texts.reading.columns.verdict}</Table.Th>
                <Table.Th>{texts.reading.columns.label}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {reviews.map((review) => (
                <Table.Tr key={review.id}>
                  <Table.Td>
                    {review.reader}
                    {review.mine && ` (${texts.reading.you})`}
                  </Table.Td>
                  <Table.Td>
                    {texts.reading.verdicts[review.verdict]}
                    {known(review) && `, ${known(review)}`}
                    {review.comment && (
                      <Text size="xs" c="dimmed">
                        {review.comment}
                      </Text>
                    )}
                  </Table.Td>
                  <Table.Td>{review.label || texts.common.none}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        )}
        {reviews.length > 0 && <Earlier scan={scan} />}
        {(pairs > 0 || dice.length > 0 || heatmap.length > 0) && (
          <List size="sm" spacing={2}>
            {pairs > 0 && <List.Item>{texts.reading.agreement(agreeing_pairs, pairs)}</List.Item>}
            {dice.map(({ readers: [first = "", second = ""], dice: value }) => (
              <List.Item key={`${first} ${second}`}>
                {texts.reading.dice(first, second, formatCoefficient(value))}
              </List.Item>
            ))}
            {heatmap.map(({ reader, covered, dice: value }) => (
              <List.Item key={reader}>
                {texts.reading.covers(reader, formatShare(covered), formatCoefficient(value))}
              </List.Item>
            ))}
          </List>
        )}
        {adjudication && (
          <Alert
            color="teal"
            icon={<IconGavel />}
            p="xs"
            title={texts.reading.settledAs(adjudication.label, adjudication.adjudicator)}
          >
            {adjudication.comment}
          </Alert>
        )}
        {reading.may_adjudicate && reviews.length > 0 && <Settle scan={scan} settled={adjudication} />}
      </Stack>
    </Section>
  );
}

/** What the reader knew of the answer and of others. */
function known(review: Review): string {
  if (review.blind) return texts.reading.wasBlind;
  return review.independent ? "" : texts.reading.afterOthers;
}

/** Verdicts that later ones have replaced: nothing is overwritten. */
function Earlier({ scan }: { scan: Scan }) {
  const [opened, setOpened] = useState(false);
  const { data, error } = useReviews(scan.id, opened);
  const earlier = data?.filter((review) => !review.current);
  return (
    <div>
      <Button variant="subtle" size="compact-sm" aria-expanded={opened} onClick={() => setOpened(!opened)}>
        {texts.reading.earlier}
      </Button>
      {opened && error && <ProblemAlert error={error} />}
      {opened && earlier?.length === 0 && <Text size="sm">{texts.reading.earlierNone}</Text>}
      {opened && earlier && earlier.length > 0 && (
        <List size="sm" spacing={2}>
          {earlier.map((review) => (
            <List.Item key={review.id}>
              {[
                formatTime(review.timestamp),
                `${review.reader} ${texts.reading.verdicts[review.verdict]} ${review.label}`.trim(),
                known(review),
                review.model_state === "not_answered"
                  ? texts.reading.modelDidNotSay(review.model_version)
                  : texts.reading.modelSaid(review.model_answer, review.model_version),
                review.comment,
              ]
                .filter(Boolean)
                .join(", ")}
            </List.Item>
          ))}
        </List>
      )}
    </div>
  );
}

function Settle({ scan, settled }: { scan: Scan; settled: Adjudication | null }) {
  const [opened, setOpened] = useState(false);
  const [label, setLabel] = useState<string | null>(null);
  const [comment, setComment] = useState("");
  const adjudicate = useAdjudicate(scan.id);
  const settle = async (chosen: string) => {
    await adjudicate.mutateAsync({ label: chosen, comment });
    setOpened(false);
  };
  useUnsaved(() =>
    opened && (label !== null || comment.trim() !== "")
      ? {
          title: texts.reading.notSettled,
          saveLabel: texts.reading.settleAndGoOn,
          save: label === null ? null : () => succeeds(settle(label)),
          drop: () => setOpened(false),
        }
      : null,
  );
  if (!opened) {
    return (
      <Button variant="default" size="compact-md" w="fit-content" onClick={() => setOpened(true)}>
        {settled ? texts.reading.settleAgain : texts.reading.settle}
      </Button>
    );
  }
  return (
    <Stack gap="xs" data-testid="settle">
      <Text size="sm">{texts.reading.settleHelp}</Text>
      <Select
        label={texts.reading.rightLabel}
        placeholder={texts.reading.chooseLabel}
        data={scan.labels}
        value={label}
        onChange={setLabel}
      />
      <Textarea
        label={texts.reading.comment}
        autosize
        maxLength={2000}
        value={comment}
        onChange={(event) => setComment(event.currentTarget.value)}
      />
      <Button
        w="fit-content"
        disabled={label === null}
        loading={adjudicate.isPending}
        onClick={() => label !== null && void succeeds(settle(label))}
      >
        {texts.reading.settleSubmit}
      </Button>
      {adjudicate.error && <ProblemAlert error={adjudicate.error} />}
    </Stack>
  );
}
