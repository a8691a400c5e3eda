import { Table, Text } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";

import { refreshDrawn, useDrawn } from "../api/annotations";
import { refreshReading } from "../api/readings";
import type { DrawnOnScan, Reading, Scan } from "../api/types";
import { areaSign, formatVolume } from "../common/units";
import { useTexts } from "../common/useTexts";
import { useUnits } from "../common/useUnits";
import { inWords } from "../drawing/area";
import type { DrawingState } from "../drawing/Drawing";
import { texts } from "../texts";
import { Section } from "./Section";

interface Props {
  /** The scan, or what stands for the volume. */
  lead: Scan;
  /** What is looked at: the scan, or a B-scan of the volume. */
  scan: Scan;
  reading: Reading;
  state: DrawingState;
}

/** How much each reader drew with each label: on what is looked at, and over the volume. Nothing where nobody drew. */
export function Drawn({ lead, scan, reading, state }: Props) {
  const queries = useQueryClient();
  const drawn = useDrawn(lead.id);
  const { saveState, loaded } = state;
  const { reader_count: readers } = reading;
  // A drawing that is only opened changes nothing of how far readers agree.
  const hasChanged = useRef(false);
  useEffect(() => {
    if (saveState === "saving") hasChanged.current = true;
    if (!loaded || saveState !== "saved") return;
    refreshDrawn(queries);
    if (hasChanged.current) refreshReading(queries, lead.id);
    hasChanged.current = false;
  }, [queries, loaded, saveState, readers, lead.id]);
  const found = drawn.data;
  if (!found || (found.measured && found.drawn.length === 0)) return null;
  return (
    <Section title={texts.drawing.measured} testid="drawn">
      {found.measured ? (
        <Measures found={found} scan={scan} />
      ) : (
        <Text size="sm">{texts.drawing.tooMuch}</Text>
      )}
    </Section>
  );
}

function Measures({ found, scan }: { found: DrawnOnScan; scan: Scan }) {
  const { volume } = scan;
  const words = useTexts(scan.modality).drawing;
  const units = useUnits(scan.modality);
  const columns = words.measuredColumns;
  const knowsSize = scan.micrometres_x !== null && scan.micrometres_y !== null;
  return (
    <>
      <Table verticalSpacing={4} horizontalSpacing="xs">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{columns.label}</Table.Th>
            <Table.Th>{columns.reader}</Table.Th>
            <Table.Th>{volume ? columns.onBscan : columns.here}</Table.Th>
            {volume && <Table.Th>{columns.volume}</Table.Th>}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {found.drawn.map(({ creator, creator_name, mine, label, bscans, cubic_millimetres }) => {
            const here = bscans.find(({ id }) => id === scan.id);
            return (
              <Table.Tr key={`${creator} ${label}`}>
                <Table.Td>{label || words.noLabel}</Table.Td>
                <Table.Td>{mine ? words.you : creator_name}</Table.Td>
                <Table.Td>
                  {here
                    ? inWords(
                        { squarePixels: here.square_pixels, squareMillimetres: here.square_millimetres },
                        units,
                      )
                    : texts.common.none}
                </Table.Td>
                {volume && (
                  <Table.Td>
                    {cubic_millimetres !== null && `${formatVolume(cubic_millimetres, units)} `}
                    {words.onBscans(bscans.length, volume.count)}
                  </Table.Td>
                )}
              </Table.Tr>
            );
          })}
        </Table.Tbody>
      </Table>
      <Text size="xs" c="dimmed" mt={4}>
        {knowsSize ? note(words, found, volume !== null) : words.noPixelSize(areaSign(units))}
      </Text>
    </>
  );
}

/** What the figures rest on, or why some are not there. */
function note(
  words: typeof texts.drawing,
  { micrometres_between, missing }: DrawnOnScan,
  isVolume: boolean,
): string {
  if (!isVolume) return "";
  return micrometres_between === null ? words.noDistance : words.volumeHelp(missing.length);
}
