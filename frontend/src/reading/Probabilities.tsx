import { Loader, Stack, Text, UnstyledButton } from "@mantine/core";
import { IconFlame } from "@tabler/icons-react";

import type { Scan } from "../api/types";
import { formatProbability } from "../common/format";
import { texts } from "../texts";
import classes from "./Answer.module.css";
import type { HeatMapRequest } from "./useHeatMap";

interface Props {
  scan: Scan;
  heatMap: HeatMapRequest;
  title: string;
  /** Labels with their probabilities, in the order in which they stand. */
  entries: readonly [string, number][];
  mayAsk: boolean;
}

/** Probabilities as bars; each leads to the heat map of its label. */
export function Probabilities({ scan, heatMap, title, entries, mayAsk }: Props) {
  return (
    <>
      <Text size="xs" c="dimmed" mt={6} mb={2}>
        {title}
      </Text>
      <Stack gap={1}>
        {entries.map(([label, probability]) => {
          const shown = label === scan.heatmap_label;
          const busy = heatMap.pending === label;
          return (
            <UnstyledButton
              key={label}
              className={classes.bar}
              aria-pressed={shown}
              title={texts.reading.heatOf(label)}
              disabled={!mayAsk || heatMap.pending !== undefined}
              onClick={() => !shown && heatMap.ask(label)}
            >
              <span className={classes.name}>
                {label}
                {shown && <IconFlame size={14} role="img" aria-label={texts.reading.heatShown} />}
                {busy && <Loader size={12} />}
              </span>
              <span className={classes.track} aria-hidden>
                <span className={classes.fill} style={{ width: `${100 * probability}%` }} />
              </span>
              <span className={classes.share}>{formatProbability(probability)}</span>
              <span className="visually-hidden">{texts.reading.heatOf(label)}</span>
            </UnstyledButton>
          );
        })}
      </Stack>
    </>
  );
}
