import { Text } from "@mantine/core";

import type { Scan } from "../api/types";
import { texts } from "../texts";
import { headline, namesLabel, saidLabels, shares, why } from "./answer";
import { Doubts } from "./Doubts";
import { formatProbability } from "./format";
import { StateSign } from "./StateSign";

interface Props {
  scan: Scan;
  /** How many lines there are for all of it; what it takes without it. */
  lines?: number;
}

/** What the model says of a scan, and how far: a label is never without how sure it is, nor without why it is doubtful. */
export function ModelAnswer({ scan, lines }: Props) {
  const { state } = scan;
  const detail = state === "undecided" ? shares(scan, saidLabels(scan)) : "";
  const doubts = texts.common.doubtful(scan.doubts);
  const answer = [headline(scan), detail].filter(Boolean).join(": ");
  const said = [`${answer}.`, !namesLabel(scan) && why(scan), doubts].filter(Boolean).join(" ");
  // The state has a line of its own, which is never cut off.
  const others = lines !== undefined && state ? lines - 1 : lines;
  return (
    <Text size="sm" component="div" lineClamp={others} title={said}>
      {state && (
        <Text span size="xs" display="block" truncate>
          <StateSign state={state} />
          {detail && ` ${detail}`}
        </Text>
      )}
      {state !== "not_answered" && (
        <>
          <b>{headline(scan)}</b> {namesLabel(scan) && formatProbability(scan.confidence ?? 0)}
        </>
      )}
      {lines === undefined && !namesLabel(scan) && (
        <Text span size="xs" display="block">
          {why(scan)}
        </Text>
      )}
      {doubts && (
        <Text span size="xs" display="block">
          <Doubts doubts={scan.doubts} />
        </Text>
      )}
    </Text>
  );
}
