import { Alert, Button, Group, Table, Text } from "@mantine/core";

import { useChangeScan } from "../api/scans";
import type { Difference, Scan, UploadedScan } from "../api/types";
import { formatDay } from "../common/format";
import { ProblemAlert } from "../common/ProblemAlert";
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
              <Value of={difference} text={difference.entered} />
              <Value of={difference} text={difference.found} />
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

function Value({ of, text }: { of: Difference; text: string }) {
  const { eyes } = texts.common;
  const shown =
    of.field === "eye" && text in eyes
      ? eyes[text as keyof typeof eyes]
      : of.field === "acquired"
        ? formatDay(text)
        : text;
  return (
    <Table.Td style={{ overflowWrap: "anywhere" }}>
      <Text size="sm" lineClamp={3}>
        {shown || texts.upload.unknown}
      </Text>
    </Table.Td>
  );
}
