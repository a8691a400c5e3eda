import { Group, Text } from "@mantine/core";
import type { ReactNode } from "react";

import classes from "./DashboardPage.module.css";

interface Day {
  date: string;
  /** The bar's content in words. */
  words: string;
  /** Of the highest bar, 0 to 1. */
  height: number;
}

/** A bar for each day, with its words for screen readers; `fill` is what it is made of. */
export function DayBars<Of extends Day>({ days, fill }: { days: Of[]; fill: (day: Of) => ReactNode }) {
  return (
    <>
      <ol className={classes.bars}>
        {days.map((day) => (
          <li key={day.date} title={day.words}>
            <span className="visually-hidden">{day.words}</span>
            <span className={classes.bar} style={{ height: `${100 * day.height}%` }} aria-hidden>
              {fill(day)}
            </span>
          </li>
        ))}
      </ol>
      <Group justify="space-between">
        <Text size="xs">{days[0]?.date}</Text>
        <Text size="xs">{days.at(-1)?.date}</Text>
      </Group>
    </>
  );
}
