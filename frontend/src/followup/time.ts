/** When a scan was taken, or, where that is not known, uploaded. */

import type { Scan } from "../api/types";
import { beginOf, formatDay, formatTime } from "../common/format";
import { texts } from "../texts";

export type Dated = Pick<Scan, "acquired" | "timestamp">;

const DAY_MS = 86_400_000;
const DAYS_OF_A_MONTH = 365.25 / 12;

/** A moment, to be ordered and measured by; of a month or a year its beginning. */
export function momentOf({ acquired, timestamp }: Dated): number {
  return acquired ? beginOf(acquired).getTime() : new Date(timestamp ?? 0).getTime();
}

export function whenOf({ acquired, timestamp }: Dated): string {
  return acquired ? formatDay(acquired) : texts.common.identity.uploaded(formatTime(timestamp));
}

/** How long after one the other is, in words; about, where one is known by its month or year alone. */
export function laterBy(one: Dated, other: Dated): string {
  const days = Math.round(Math.abs(momentOf(other) - momentOf(one)) / DAY_MS);
  const isExact = [one, other].every(({ acquired }) => !acquired || acquired.split("-").length === 3);
  const months = Math.round(days / DAYS_OF_A_MONTH);
  if (days < 60) return texts.followUp.days(days, isExact);
  return months < 24 ? texts.followUp.months(months) : texts.followUp.years(days / 365.25);
}
