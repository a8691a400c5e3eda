import { Anchor, List, Stack, Text } from "@mantine/core";

import type { Recommendation as Given, Scan } from "../api/types";
import { Urgency } from "../common/Urgency";
import { texts } from "../texts";
import { Section } from "./Section";

/** What to do next, how soon, why, and who says so. */
export function Recommendation({ scan, given }: { scan: Scan; given: Given }) {
  // What stands beside the label already is not said again.
  const said = [...scan.doubts, ...scan.caveats];
  const reasons = given.reasons.filter((reason) => !said.includes(reason));
  if (scan.doubts.length > 0) reasons.unshift(texts.reading.becauseDoubtful);
  return (
    <Section title={texts.reading.recommendation} testid="recommendation">
      <Stack gap={8}>
        <div>
          <Urgency given={given} rank={scan.urgency_rank} size="lg" />
        </div>
        <Text>{given.action}</Text>
        {reasons.length > 0 && (
          <div>
            <Text size="sm" c="dimmed">
              {texts.reading.because}
            </Text>
            <List size="sm" spacing={2}>
              {reasons.map((reason) => (
                <List.Item key={reason}>{reason}</List.Item>
              ))}
            </List>
          </div>
        )}
        {given.sources.length > 0 && (
          <div>
            <Text size="sm" c="dimmed">
              {texts.reading.sources}
            </Text>
            <List size="sm" spacing={2}>
              {given.sources.map(({ title, url }) => (
                <List.Item key={title}>
                  {url ? (
                    <Anchor href={url} target="_blank" rel="noreferrer" inherit underline="always">
                      {title}
                    </Anchor>
                  ) : (
                    title
                  )}
                </List.Item>
              ))}
            </List>
          </div>
        )}
      </Stack>
    </Section>
  );
}
