import { Table, Text } from "@mantine/core";

import type { Dashboard } from "../api/types";
import { formatCount, formatShare } from "../common/format";
import { texts } from "../texts";

const text = texts.dashboard;

type Bias = NonNullable<Dashboard["automation_bias"]>;
type Changes = NonNullable<Bias["all"]>;

/** How often blind first readings were changed to the model's answer, where it is right and where it is wrong. */
export function AutomationBias({ bias, least }: { bias: Bias; least: number }) {
  const rows: (Changes & { name: string })[] = [
    ...(bias.all ? [{ ...bias.all, name: text.biasAll }] : []),
    ...bias.readers.map((row) => ({ ...row, name: row.reader })),
  ];
  const afterOthers = rows.reduce((most, row) => Math.max(most, row.after_others), 0);
  if (bias.readers.length === 0) return <Text>{text.noBias(least)}</Text>;
  return (
    <>
      {/* A scrolling area must be reachable by keyboard. */}
      <Table.ScrollContainer minWidth={420} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
        <Table verticalSpacing={4}>
          <Table.Thead>
            <Table.Tr>
              {Object.values(text.biasColumns).map((column) => (
                <Table.Th key={column}>{column}</Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.map((row) => (
              <Table.Tr key={row.name}>
                <Table.Th fw={400} scope="row">
                  {row.name}
                </Table.Th>
                <Table.Td>{changed(row.model_right, least)}</Table.Td>
                <Table.Td>{changed(row.model_wrong, least)}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      {afterOthers > 0 && (
        <Text size="sm" mt="xs">
          {text.biasAfterOthers(formatCount(afterOthers))}
        </Text>
      )}
    </>
  );
}

/** The counts with their share, or how many readings there are of those that a share needs. */
function changed(of: Changes["model_right"], least: number): string {
  const counts = text.countOf(formatCount(of.changed), formatCount(of.differed));
  const { share } = of;
  if (!share) return text.biasFew(counts, formatCount(of.scans), formatCount(least));
  return `${counts}: ${text.between(formatShare(share.value), formatShare(share.low), formatShare(share.high))}`;
}
