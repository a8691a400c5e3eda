/** Numbers and times as people read them, in the browser's own language. */

const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const percentage = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 0 });
const whole = new Intl.NumberFormat();

/** Empty without a time: de-identified data have none. */
export function formatTime(iso: string | null): string {
  return iso === null ? "" : moment.format(new Date(iso));
}

/** 0 to 1 as a percentage. */
export function formatShare(share: number): string {
  return percentage.format(share);
}

export function formatCount(count: number): string {
  return whole.format(count);
}
