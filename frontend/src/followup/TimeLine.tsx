import { Button, Group, Text } from "@mantine/core";

import { useModality } from "../api/options";
import type { Scan } from "../api/types";
import { LeadingAnswer } from "../common/LeadingAnswer";
import { useTexts } from "../common/useTexts";
import { texts } from "../texts";
import classes from "./FollowUpPage.module.css";
import { laterBy, momentOf, whenOf } from "./time";
import { type SideName, SIDES } from "./useTogether";

interface Props {
  /** The earliest first. */
  scans: readonly Scan[];
  sides: Record<SideName, Scan | undefined>;
  revealed: boolean;
  onChoose: (side: SideName, id: string) => void;
}

/** All scans of an eye, or of a patient, by their days; each can be put on either side. */
export function TimeLine({ scans, sides, revealed, onChoose }: Props) {
  const modality = scans.at(-1)?.modality ?? "";
  const words = useTexts(modality).followUp;
  const about = useModality(modality)?.eye === false ? "patient" : "eye";
  return (
    <section aria-label={words.line[about]} data-testid="time-line">
      {scans.length > 1 && <Axis scans={scans} sides={sides} />}
      <ol className={classes.line} tabIndex={-1}>
        {scans.map((scan, index) => {
          const before = scans[index - 1];
          const shown = SIDES.some((side) => sides[side]?.id === scan.id);
          return (
            <li key={scan.id} className={classes.entry} data-shown={shown} data-testid="entry">
              <Text size="sm" fw={600}>
                {whenOf(scan)}
              </Text>
              <Text size="xs" c="dimmed">
                {scan.volume ? words.volume(scan.volume.count) : texts.followUp.scan}
                {before && ` · ${laterBy(before, scan)}`}
              </Text>
              {revealed && scan.prediction && (
                <div>
                  <LeadingAnswer scan={scan} lines={2} />
                </div>
              )}
              <Group gap={4} mt={6}>
                {SIDES.map((side) => (
                  <Button
                    key={side}
                    size="compact-xs"
                    variant={sides[side]?.id === scan.id ? "filled" : "default"}
                    aria-pressed={sides[side]?.id === scan.id}
                    aria-label={`${texts.followUp.show[side]}: ${whenOf(scan)}`}
                    onClick={() => onChoose(side, scan.id)}
                  >
                    {texts.followUp.columns[side === "left" ? "earlier" : "later"]}
                  </Button>
                ))}
              </Group>
            </li>
          );
        })}
      </ol>
    </section>
  );
}

/** The days to scale. */
function Axis({ scans, sides }: Pick<Props, "scans" | "sides">) {
  const [first, last] = [momentOf(scans[0]!), momentOf(scans.at(-1)!)];
  const span = Math.max(last - first, 1);
  return (
    <svg className={classes.axis} aria-hidden>
      <line x1="1%" x2="99%" y1="11" y2="11" stroke="currentColor" opacity={0.4} />
      {scans.map((scan) => {
        const at = `${1 + (98 * (momentOf(scan) - first)) / span}%`;
        const side = SIDES.find((name) => sides[name]?.id === scan.id);
        return (
          <g key={scan.id}>
            <circle cx={at} cy="11" r={side ? 7 : 4} fill="currentColor" opacity={side ? 1 : 0.6} />
            {side && (
              <circle
                cx={at}
                cy="11"
                r={10}
                fill="none"
                stroke="currentColor"
                strokeDasharray={side === "left" ? "3 2" : undefined}
              />
            )}
          </g>
        );
      })}
    </svg>
  );
}
