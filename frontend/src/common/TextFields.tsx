import { Textarea } from "@mantine/core";

import { texts } from "../texts";
import { TEXT_DETAILS, type TextDetails } from "./details";

interface Props {
  values: TextDetails;
  onChange: (typed: Partial<TextDetails>) => void;
  minRows?: number;
  /** Of which file, where there are several. */
  file?: string | undefined;
}

/** An input for each detail of a scan that is plain text, such as the note. */
export function TextFields({ values, onChange, minRows = 1, file }: Props) {
  return TEXT_DETAILS.map((name) => (
    <Textarea
      key={name}
      label={texts.details[name]}
      {...(file !== undefined && {
        size: "xs",
        "aria-label": texts.upload.of(texts.details[name], file),
      })}
      maxLength={2000}
      autosize
      minRows={minRows}
      value={values[name]}
      onChange={(event) => onChange({ [name]: event.currentTarget.value })}
    />
  ));
}
