import { TextInput, type TextInputProps } from "@mantine/core";

import { type Range, readNumber, withPoint } from "./number";

interface Props extends Pick<TextInputProps, "aria-label" | "size"> {
  label: string;
  range: Range;
  /** As it was typed. */
  text: string;
  onText: (text: string) => void;
}

/** A field for a number with a decimal point or comma. It says in words why a number is refused. */
export function NumberField({ range, text, onText, ...look }: Props) {
  const number = readNumber(text, range);
  return (
    <TextInput
      {...look}
      inputMode="decimal"
      autoComplete="off"
      value={text}
      error={"problem" in number && number.problem}
      onChange={(event) => onText(event.currentTarget.value)}
      // Shows how the text was understood: a comma meant as a thousands separator is seen before it is sent.
      onBlur={() => onText(withPoint(text, range))}
    />
  );
}
