import { Button, Text } from "@mantine/core";

import type { Volume, VolumeAnswer as Answer } from "../api/types";
import { useTexts } from "../common/useTexts";
import { StateBadge } from "../common/StateBadge";
import { Section } from "../reading/Section";
import { texts } from "../texts";
import classes from "./Stack.module.css";
import { type Stack, useIndex } from "./useStack";

/** What the model says of the whole volume, and of how many of its B-scans it says what. */
export function VolumeAnswer({ volume, stack }: { volume: Volume; stack: Stack }) {
  const { answer, bscans, gaps, statuses, count } = volume;
  const index = useIndex(stack);
  const words = useTexts(volume.modality).volume;
  const named = answer ? bscans.findIndex(({ place }) => place === answer.place) : -1;
  return (
    <Section title={words.answer} testid="volume-answer">
      {answer?.state && (
        <>
          <StateBadge state={answer.state} size={18} />
          <Text fw={600} data-testid="volume-label">
            {answer.text}
          </Text>
        </>
      )}
      {statuses.queued > 0 && <Text size="sm">{words.waiting(statuses.queued, count)}</Text>}
      {statuses.failed > 0 && <Text size="sm">{words.failed(statuses.failed)}</Text>}
      {answer && (
        <ul className={classes.counts} data-testid="volume-counts">
          {counted(answer).map(([said, count]) => (
            <li key={said}>
              <Text size="sm">{words.said(said, count)}</Text>
            </li>
          ))}
        </ul>
      )}
      {gaps.map(({ place, reason }) => (
        <Text size="sm" key={place}>
          {words.gap(place + 1, reason)}
        </Text>
      ))}
      {answer && named >= 0 && named !== index && (
        <Button size="compact-sm" variant="subtle" mt={4} onClick={() => stack.goTo(named)}>
          {words.toNamed(answer.place + 1)}
        </Button>
      )}
    </Section>
  );
}

/** How many B-scans were called what, the most first; those that have no label last. */
function counted({ labels, states }: Answer): [string, number][] {
  const named = Object.entries(labels).sort(([, one], [, other]) => other - one);
  const open = (["undecided", "not_answered"] as const).map((state): [string, number] => [
    texts.common.states[state],
    states[state],
  ]);
  return [...named, ...open.filter(([, count]) => count > 0)];
}
