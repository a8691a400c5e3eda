/** The units in which people see and enter what is measured. The API's numbers are µm, mm² and mm³ in every modality. */

import type { Modality } from "../api/types";
import { PIXEL_UM, type Range, readNumber } from "./number";

/** What a modality says of its units; without one, those below. */
export type Units = Pick<Modality, "size_unit" | "area_unit" | "least_pixel" | "most_pixel">;

/** Where the modality is not known: a pixel may be as wide as in any. */
export const UNKNOWN_UNITS: Units = {
  size_unit: "micrometres",
  area_unit: "square millimetres",
  least_pixel: PIXEL_UM.min,
  most_pixel: PIXEL_UM.max,
};

/** The sign of a length, and how many µm it is. */
const SIZES: Record<Units["size_unit"], { sign: string; micrometres: number }> = {
  micrometres: { sign: "µm", micrometres: 1 },
  millimetres: { sign: "mm", micrometres: 1000 },
};

/** The sign of the length whose square and cube they are, and how many mm it is. */
const AREAS: Record<Units["area_unit"], { sign: string; millimetres: number }> = {
  "square millimetres": { sign: "mm", millimetres: 1 },
  "square centimetres": { sign: "cm", millimetres: 10 },
};

/** So many digits survive a change of units: computing adds more. */
const DIGITS = 9;

// Files give more digits than anybody measured.
const length = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 4, useGrouping: false });
const measured = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 3, useGrouping: false });
const signed = new Intl.NumberFormat(undefined, {
  signDisplay: "exceptZero",
  maximumSignificantDigits: 3,
  useGrouping: false,
});

/** The sign of the unit of lengths. */
export function sizeSign({ size_unit }: Units): string {
  return SIZES[size_unit].sign;
}

/** The sign of the unit of areas. */
export function areaSign({ area_unit }: Units): string {
  return `${AREAS[area_unit].sign}²`;
}

/** A length to four digits, without its unit. */
export function formatLength(micrometres: number, { size_unit }: Units): string {
  return length.format(micrometres / SIZES[size_unit].micrometres);
}

/** An area to three digits; with `asChange`, its sign before it. */
export function formatArea(squareMillimetres: number, units: Units, asChange = false): string {
  const one = AREAS[units.area_unit].millimetres ** 2;
  return `${(asChange ? signed : measured).format(squareMillimetres / one)} ${areaSign(units)}`;
}

/** A volume to three digits; with `asChange`, its sign before it. */
export function formatVolume(cubicMillimetres: number, { area_unit }: Units, asChange = false): string {
  const { sign, millimetres } = AREAS[area_unit];
  return `${(asChange ? signed : measured).format(cubicMillimetres / millimetres ** 3)} ${sign}³`;
}

/** What a number of the API, in micrometres, is in a field of this unit. */
export function typedOf(micrometres: string, { size_unit }: Units): string {
  return scaled(micrometres, 1 / SIZES[size_unit].micrometres);
}

/** What was typed into a field of this unit, in micrometres; a text that is no number stays as it is. */
export function micrometresOf(typed: string, { size_unit }: Units): string {
  return scaled(typed, SIZES[size_unit].micrometres);
}

/** What the width and the height of a pixel can be, in the unit of lengths. */
export function pixelRange({ size_unit, least_pixel, most_pixel }: Units): Range {
  const { micrometres } = SIZES[size_unit];
  return { min: rounded(least_pixel / micrometres), max: rounded(most_pixel / micrometres) };
}

function scaled(text: string, by: number): string {
  if (by === 1) return text;
  const number = readNumber(text, { min: -Infinity, max: Infinity });
  return "problem" in number || number.value === null ? text : String(rounded(number.value * by));
}

function rounded(value: number): number {
  return Number(value.toPrecision(DIGITS));
}
