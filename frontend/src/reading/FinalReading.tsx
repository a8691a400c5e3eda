import { Text } from "@mantine/core";

import type { FinalReading as Given } from "../api/types";
import { capitalised } from "../common/format";
import { texts } from "../texts";
import classes from "./Answer.module.css";
import { Section } from "./Section";

/** What people say of the scan, and who says so: it leads, above what the model says. */
export function FinalReading({ given }: { given: Given }) {
  return (
    <Section title={texts.reading.final} testid="final">
      <Text className={classes.label}>{texts.common.labels(given.labels)}</Text>
      <Text size="sm">{capitalised(given.source)}</Text>
    </Section>
  );
}
