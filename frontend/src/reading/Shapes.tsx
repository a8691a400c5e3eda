import { Text } from "@mantine/core";

import type { Reading, Scan } from "../api/types";
import type { Drawing, DrawingState } from "../drawing/Drawing";
import { ShapeList } from "../drawing/ShapeList";
import { texts } from "../texts";
import { Section } from "./Section";

interface Props {
  scan: Scan;
  reading: Reading;
  drawing: Drawing;
  state: DrawingState;
}

/** What is drawn on a scan; until the own verdict, that only its reader sees it. */
export function Shapes({ scan, reading, drawing, state }: Props) {
  return (
    <Section title={texts.drawing.shapes}>
      {drawing.mayDraw && reading.own === null && (
        <Text size="xs" c="dimmed" mb={4}>
          {texts.reading.draft}
        </Text>
      )}
      <ShapeList drawing={drawing} state={state} scan={scan} regions={scan.regions} open={reading.open} />
    </Section>
  );
}
