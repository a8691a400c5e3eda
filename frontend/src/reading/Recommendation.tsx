import { Anchor, List, Stack, Text } from "@mantine/core";

import type { Recommendation as Given, Scan } from "../api/types";
import { why } from "../common/answer";
import { Urgency } from "../common/Urgency";
import { texts } from "../texts";
import { Section } from "./Section";

interface Props {
  scan: Scan;
  given: Given;
  rank: number;
  /** It follows from the model's answer alone, while another, that leads, follows from the final reading. */
  ofModel?: boolean;
}

/** The next step, its urgency, its reasons and its sources. */
export function Recommendation({ scan, given, rank, ofModel = false }: Props) {
  // Reasons that stand beside the model's label are not repeated.
  const shown = [...scan.doubts, ...scan.caveats, why(scan)];
  const reasons = given.reasons.filter((reason) => !shown.includes(reason));
  const ofAnswer = ofModel || scan.final_reading === null;
  if (ofAnswer && scan.doubts.length > 0) reasons.unshift(texts.reading.becauseDoubtful);
  return (
    <Section
      title={ofModel ? texts.reading.recommendationOfModel : texts.reading.recommendation}
      testid={ofModel ? "recommendation-of-model" : "recommendation"}
    >
      <Stack gap={8}>
        <div>
          <Urgency given={given} rank={rank} size={ofModel ? "md" : "lg"} />
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
