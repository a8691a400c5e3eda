/** Numbers and times as people read them, in the browser's own language. */

const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const percentage = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat(undefined, {
  style: "percent",
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
});
// The model server rounds to six digits.
const NEARLY_NOTHING = 1e-6;
const whole = new Intl.NumberFormat();

/** Empty without a time: de-identified data have none. */
export function formatTime(iso: string | null): string {
  return iso === null ? "" : moment.format(new Date(iso));
}

/** 0 to 1 as a percentage. What is nearly all, or nearly nothing, never reads as all or nothing: ">99%", "<1%". */
export function formatShare(share: number): string {
  if (share >= 0.995 && share < 1) return `>${percentage.format(0.99)}`;
  if (share > 0 && share < 0.005) return `<${percentage.format(0.01)}`;
  return percentage.format(share);
}

/** A part of a picture as a percentage with one decimal; what is nearly nothing never reads as nothing: "<0.1%". */
export function formatSmallShare(share: number): string {
  return share > 0 && share < 0.0005 ? `<${tenths.format(0.001)}` : tenths.format(share);
}

/** A model's probability as a percentage. One that was rounded to 0 or 1 is still neither. */
export function formatProbability(probability: number): string {
  return formatShare(Math.min(Math.max(probability, NEARLY_NOTHING), 1 - NEARLY_NOTHING));
}

/** A share as a count out of a hundred; nearly none reads as "<1", nearly all as ">99". */
export function formatOfHundred(share: number): string {
  if (share >= 0.995 && share < 1) return ">99";
  if (share > 0 && share < 0.005) return "<1";
  return whole.format(Math.round(100 * share));
}

/** A coefficient of 0 to 1, such as Dice's, with two decimals; nearly 0 reads as "<0.01", nearly 1 as ">0.99". */
export function formatCoefficient(value: number): string {
  if (value >= 0.995 && value < 1) return ">0.99";
  if (value > 0 && value < 0.005) return "<0.01";
  return value.toFixed(2);
}

export function formatCount(count: number): string {
  return whole.format(count);
}

/** The words with a capital letter at the beginning. */
export function capitalised(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Today in the user's time zone, as the API writes a day. */
export function today(): string {
  const now = new Date();
  return new Date(now.getTime() - now.getTimezoneOffset() * 60_000).toISOString().slice(0, 10);
}

const DAYS = [
  new Intl.DateTimeFormat(undefined, { year: "numeric", timeZone: "UTC" }),
  new Intl.DateTimeFormat(undefined, { year: "numeric", month: "long", timeZone: "UTC" }),
  new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeZone: "UTC" }),
];

/** A day, month or year as the API writes it (2024-03-17, 2024-03, 2024); empty for an empty one. */
export function formatDay(iso: string): string {
  return iso && (DAYS[iso.split("-").length - 1]?.format(new Date(iso)) ?? iso);
}

/** A day, month or year as the first moment that it may mean. */
export function beginOf(iso: string): Date {
  const [year = "0", month = "1", day = "1"] = iso.split("-");
  return new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)));
}
