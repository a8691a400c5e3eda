import { Table, Text, Title } from "@mantine/core";

import { useDrawn } from "../api/annotations";
import type { Scan } from "../api/types";
import { formatProbability } from "../common/format";
import { formatArea, formatVolume, type Units } from "../common/units";
import { useTexts } from "../common/useTexts";
import { useUnits } from "../common/useUnits";
import { ProblemAlert } from "../common/ProblemAlert";
import { texts } from "../texts";
import { type DrawnChange, drawnChanges, probabilityChanges } from "./changes";
import classes from "./FollowUpPage.module.css";
import { laterBy, momentOf } from "./time";

const signed = new Intl.NumberFormat(undefined, { signDisplay: "exceptZero", maximumFractionDigits: 0 });

interface Props {
  left: Scan;
  right: Scan;
  /** Whether what the model says of both may be seen. */
  revealed: boolean;
}

/** What has changed from the scan on the left to the one on the right. */
export function Changes({ left, right, revealed }: Props) {
  const isLater = momentOf(right) >= momentOf(left);
  return (
    <section aria-label={texts.followUp.change} data-testid="changes">
      <Title order={2} size="h5" mb={6}>
        {texts.followUp.change}
        {isLater && (
          <Text span c="dimmed" size="sm">
            {` · ${laterBy(left, right)}`}
          </Text>
        )}
      </Title>
      <div className={classes.changes}>
        <div>
          <Title order={3} size="h6">
            {texts.followUp.answers}
          </Title>
          {revealed ? (
            <Probabilities left={left} right={right} />
          ) : (
            <Text size="sm">{texts.followUp.hidden}</Text>
          )}
        </div>
        <div>
          <Title order={3} size="h6">
            {texts.followUp.drawn}
          </Title>
          <Drawings left={left} right={right} />
        </div>
      </div>
    </section>
  );
}

function Probabilities({ left, right }: Pick<Props, "left" | "right">) {
  const words = useTexts(right.modality).followUp;
  if (left.prediction === null || right.prediction === null)
    return <Text size="sm">{texts.followUp.waits}</Text>;
  const changes = probabilityChanges(left, right);
  const versions = [left, right].map(({ model }) => (model ? `${model.name} ${model.version}` : ""));
  return (
    <>
      {changes.length === 0 ? (
        <Text size="sm">{texts.followUp.noAnswer}</Text>
      ) : (
        <Table verticalSpacing={3} horizontalSpacing={6} data-testid="probabilities">
          <Head change={texts.followUp.points} />
          <Table.Tbody>
            {changes.map(({ label, ...of }) => (
              <Table.Tr key={label}>
                <Table.Td>{label}</Table.Td>
                <Table.Td className={classes.number}>{formatProbability(of.left)}</Table.Td>
                <Table.Td className={classes.number}>{formatProbability(of.right)}</Table.Td>
                <Table.Td className={classes.number}>{signed.format(100 * (of.right - of.left))}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
      {(left.volume ?? right.volume) && (
        <Text size="xs" c="dimmed">
          {words.ofNamed}
        </Text>
      )}
      {versions[0] !== versions[1] && (
        <Text size="sm">{texts.followUp.otherModel(versions[0]!, versions[1]!)}</Text>
      )}
    </>
  );
}

function Head({ change = texts.followUp.columns.change }: { change?: string }) {
  const { label, earlier, later } = texts.followUp.columns;
  return (
    <Table.Thead>
      <Table.Tr>
        <Table.Th>{label}</Table.Th>
        {[earlier, later, change].map((name) => (
          <Table.Th key={name} className={classes.number}>
            {name}
          </Table.Th>
        ))}
      </Table.Tr>
    </Table.Thead>
  );
}

function Drawings({ left, right }: Pick<Props, "left" | "right">) {
  const words = useTexts(right.modality).followUp;
  const units = useUnits(right.modality);
  const before = useDrawn(left.id);
  const after = useDrawn(right.id);
  const error = before.error ?? after.error;
  if (error) return <ProblemAlert error={error} />;
  // What was drawn on the scan before is no placeholder here: its sizes would pass for those of the one that is chosen.
  if (!before.data || !after.data || before.isPlaceholderData || after.isPlaceholderData)
    return <Text size="sm">{texts.common.loading}</Text>;
  if (!before.data.measured || !after.data.measured) return <Text size="sm">{texts.drawing.tooMuch}</Text>;
  const changes = drawnChanges(before.data, after.data, left.volume !== null && right.volume !== null);
  if (changes.length === 0) return <Text size="sm">{texts.followUp.nothingDrawn}</Text>;
  return (
    <>
      <Table verticalSpacing={3} horizontalSpacing={6} data-testid="drawn-changes">
        <Head />
        <Table.Tbody>
          {changes.map((change) => (
            <Table.Tr key={change.key}>
              <Table.Td>
                {texts.followUp.drawnBy(
                  change.label || texts.drawing.noLabel,
                  change.mine ? texts.drawing.you : change.reader,
                )}
              </Table.Td>
              <Table.Td className={classes.number}>{size(change.left, change, units)}</Table.Td>
              <Table.Td className={classes.number}>{size(change.right, change, units)}</Table.Td>
              <Table.Td className={classes.number}>{difference(change, units)}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      {changes.some((change) => change.left === null || change.right === null) && (
        <Text size="xs" c="dimmed">
          {words.notComparable}
        </Text>
      )}
    </>
  );
}

const FORMATS = { cubic: formatVolume, square: formatArea };

function size(value: number | null, { unit }: DrawnChange, units: Units): string {
  return value === null ? texts.common.none : FORMATS[unit](value, units);
}

function difference({ left, right, unit }: DrawnChange, units: Units): string {
  if (left === null || right === null) return texts.common.none;
  return FORMATS[unit](right - left, units, true);
}
