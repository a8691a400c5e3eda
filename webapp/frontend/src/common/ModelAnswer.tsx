import { Text } from "@mantine/core";

import type { Scan } from "../api/types";
import { texts } from "../texts";
import { Doubts } from "./Doubts";
import { formatProbability } from "./format";

interface Props {
  scan: Pick<Scan, "prediction" | "confidence" | "doubts">;
  /** How many lines there are for the doubts; all that they take without it. */
  lines?: number;
}

/** What the model calls a scan, and how sure it is: never without why that is doubtful. */
export function ModelAnswer({ scan, lines }: Props) {
  const doubts = texts.common.doubtful(scan.doubts);
  return (
    <>
      <Text size="sm">
        <b>{scan.prediction}</b> {formatProbability(scan.confidence ?? 0)}
      </Text>
      {doubts && (
        <Text size="xs" lineClamp={lines} title={doubts}>
          <Doubts doubts={scan.doubts} />
        </Text>
      )}
    </>
  );
}
