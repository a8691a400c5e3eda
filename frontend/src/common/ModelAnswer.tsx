import { Text } from "@mantine/core";

import type { Scan } from "../api/types";
import { texts } from "../texts";
import { headline, namesLabel, namedLabels, shares, why } from "./answer";
import { Doubts } from "./Doubts";
import { formatProbability } from "./format";
import { StateBadge } from "./StateBadge";

interface Props {
  scan: Scan;
  /** The most lines for the whole answer. Left out: as many as needed. */
  lines?: number;
}

/** The model's answer to a scan. A label never stands without its probability, nor without the reasons for doubt. */
export function ModelAnswer({ scan, lines }: Props) {
  const { state } = scan;
  const detail = state === "undecided" ? shares(scan, namedLabels(scan)) : "";
  const doubts = texts.common.doubtful(scan.doubts);
  const answer = [headline(scan), detail].filter(Boolean).join(": ");
  const full = [`${answer}.`, !namesLabel(scan) && why(scan), doubts].filter(Boolean).join(" ");
  // The state has a line of its own, which is never cut off.
  const others = lines !== undefined && state ? lines - 1 : lines;
  return (
    <Text size="sm" component="div" lineClamp={others} title={full}>
      {state && (
        <Text span size="xs" display="block" truncate>
          <StateBadge state={state} />
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
