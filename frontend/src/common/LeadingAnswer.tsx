import { Text } from "@mantine/core";

import type { Scan } from "../api/types";
import { texts } from "../texts";
import { oneLine } from "./answer";
import { Doubts } from "./Doubts";
import { ModelAnswer } from "./ModelAnswer";

interface Props {
  scan: Scan;
  /** The most lines below a final reading; without a final reading, one more. Left out: as many as needed. */
  lines?: number;
}

/** The answer that leads on a scan: the final reading where the user may see one, followed by the model's answer. */
export function LeadingAnswer({ scan, lines }: Props) {
  const final = scan.final_reading;
  if (!final) return <ModelAnswer scan={scan} {...(lines === undefined ? {} : { lines: lines + 1 })} />;
  const answer = texts.common.ofModel(oneLine(scan));
  const full = [answer, texts.common.doubtful(scan.doubts)].filter(Boolean).join(". ");
  return (
    <>
      <Text size="sm" component="span" fw={700} display="block">
        {texts.common.labels(final.labels)}
      </Text>
      {scan.prediction && (
        <Text size="xs" component="span" lineClamp={lines} title={full}>
          <Text span inherit c="dimmed">
            {answer}
          </Text>
          {scan.doubts.length > 0 && <br />}
          <Doubts doubts={scan.doubts} />
        </Text>
      )}
    </>
  );
}
