import { TextInput, type TextInputProps } from "@mantine/core";

import { type Range, readNumber, withPoint } from "./number";

interface Props extends Pick<TextInputProps, "aria-label" | "size"> {
  label: string;
  range: Range;
  /** As it was typed. */
  text: string;
  onText: (text: string) => void;
}

/** Takes a number with a point or a comma for the decimals, and says in words what it does not take. */
export function NumberField({ range, text, onText, ...look }: Props) {
  const said = readNumber(text, range);
  return (
    <TextInput
      {...look}
      inputMode="decimal"
      autoComplete="off"
      value={text}
      error={"problem" in said && said.problem}
      onChange={(event) => onText(event.currentTarget.value)}
      // What was understood: a comma that was meant to part thousands is seen before it is sent.
      onBlur={() => onText(withPoint(text, range))}
    />
  );
}
