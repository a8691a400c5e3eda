import { Alert, Button, Group, Table, Text } from "@mantine/core";

import { useChangeScan } from "../api/scans";
import type { Difference, Scan, UploadedScan } from "../api/types";
import { formatDay } from "../common/format";
import { PIXEL_SIZES } from "../common/number";
import { ProblemAlert } from "../common/ProblemAlert";
import { formatLength, sizeSign, type Units } from "../common/units";
import { useUnits } from "../common/useUnits";
import { texts } from "../texts";
import { correction } from "./uploads";

interface Props {
  scan: UploadedScan;
  differences: Difference[];
  onDecided: (scan: Scan) => void;
}

/** The details as entered beside those of the earlier upload or of the file. The user decides which count. */
export function Differences({ scan, differences, onDecided }: Props) {
  const words = texts.upload[scan.duplicate ? "otherUpload" : "otherFile"];
  const change = useChangeScan(scan.id);
  const units = useUnits(scan.modality);
  return (
    <Alert mt="xs" p="xs" color="yellow" title={words.title} role="alert" data-testid="differences">
      <Text size="sm">{words.help}</Text>
      <Table verticalSpacing={2} horizontalSpacing={4} layout="fixed">
        <Table.Thead>
          <Table.Tr>
            <Table.Td />
            <Table.Th>{texts.upload.entered}</Table.Th>
            <Table.Th>{words.found}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {differences.map((difference) => (
            <Table.Tr key={difference.field}>
              <Table.Th fw={400}>{texts.details[difference.field]}</Table.Th>
              <Value of={difference} text={difference.entered} units={units} />
              <Value of={difference} text={difference.found} units={units} />
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      {change.error && <ProblemAlert error={change.error} />}
      <Group gap="xs" mt="xs">
        <Button
          size="compact-sm"
          loading={change.isPending}
          onClick={() => change.mutate(correction(scan, differences), { onSuccess: onDecided })}
        >
          {words.change}
        </Button>
        <Button size="compact-sm" variant="default" onClick={() => onDecided(scan)}>
          {words.leave}
        </Button>
      </Group>
    </Alert>
  );
}

const pixelSizes: readonly string[] = PIXEL_SIZES;

function shownAs({ field }: Difference, text: string, units: Units): string {
  const { eyes } = texts.common;
  if (field === "eye" && text in eyes) return eyes[text as keyof typeof eyes];
  if (field === "acquired") return formatDay(text);
  if (pixelSizes.includes(field) && text !== "")
    return `${formatLength(Number(text), units)} ${sizeSign(units)}`;
  return text;
}

function Value({ of, text, units }: { of: Difference; text: string; units: Units }) {
  return (
    <Table.Td style={{ overflowWrap: "anywhere" }}>
      <Text size="sm" lineClamp={3}>
        {shownAs(of, text, units) || texts.upload.unknown}
      </Text>
    </Table.Td>
  );
}
