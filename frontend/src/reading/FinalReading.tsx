import { Text } from "@mantine/core";

import type { FinalReading as Given } from "../api/types";
import { capitalised } from "../common/format";
import { texts } from "../texts";
import classes from "./Answer.module.css";
import { Section } from "./Section";

/** The readers' result, and whose it is. It stands above the model's answer. */
export function FinalReading({ given }: { given: Given }) {
  return (
    <Section title={texts.reading.final} testid="final">
      <Text className={classes.label}>{texts.common.labels(given.labels)}</Text>
      <Text size="sm">{capitalised(given.source)}</Text>
    </Section>
  );
}
