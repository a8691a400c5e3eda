import { Button, Text } from "@mantine/core";

import type { Volume } from "../api/types";
import { StateBadge } from "../common/StateBadge";
import { Section } from "../reading/Section";
import { texts } from "../texts";
import classes from "./Stack.module.css";
import type { Stack } from "./useStack";

/** What the model says of the whole volume, and of how many of its B-scans it says what. */
export function VolumeAnswer({ volume, stack }: { volume: Volume; stack: Stack }) {
  const { answer, bscans, gaps, lead } = volume;
  const suspicious = bscans.find(({ id }) => id === lead)?.place;
  const waiting = bscans.filter(({ status }) => status === "queued").length;
  return (
    <Section title={texts.volume.answer} testid="volume-answer">
      {answer?.state && (
        <>
          <StateBadge state={answer.state} size={18} />
          <Text fw={600} data-testid="volume-label">
            {answer.group || answer.label || texts.common.states[answer.state]}
          </Text>
        </>
      )}
      {waiting > 0 && <Text size="sm">{texts.volume.waiting(waiting, volume.count)}</Text>}
      {answer && (
        <ul className={classes.counts} data-testid="volume-counts">
          {counted(volume).map(([said, count]) => (
            <li key={said}>
              <Text size="sm">{texts.volume.said(said, count)}</Text>
            </li>
          ))}
        </ul>
      )}
      {gaps.length > 0 && <Text size="sm">{texts.volume.gaps(gaps)}</Text>}
      {suspicious !== undefined && suspicious !== stack.place && (
        <Button size="compact-sm" variant="subtle" mt={4} onClick={() => stack.goTo(suspicious)}>
          {texts.volume.toSuspicious(suspicious + 1)}
        </Button>
      )}
    </Section>
  );
}

/** How many B-scans were called what, the most first; those without an answer last. */
function counted({ bscans }: Volume): [string, number][] {
  const counts = new Map<string, number>();
  for (const { status, state, label } of bscans) {
    if (status !== "predicted" || state === null) continue;
    const said = state === "answered" && label ? label : texts.common.states[state];
    counts.set(said, (counts.get(said) ?? 0) + 1);
  }
  return [...counts].sort(([, one], [, other]) => other - one);
}
