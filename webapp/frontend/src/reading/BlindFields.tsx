import { Select, Text, Textarea } from "@mantine/core";

import type { Scan } from "../api/types";
import { texts } from "../texts";
import type { Typed } from "./OwnVerdict";

interface Props {
  scan: Scan;
  /** Whether the reader was shown nothing until now. */
  counts: boolean;
  typed: Typed;
  onType: (values: Partial<Typed>) => void;
}

/** What the reader sees, asked before the model's answer is shown. */
export function BlindFields({ scan, counts, typed: { label, comment }, onType }: Props) {
  return (
    <>
      <Text size="sm">{counts ? texts.reading.blindHelp : texts.reading.notBlindHelp}</Text>
      <Select
        label={texts.reading.blindLabel}
        placeholder={texts.reading.chooseLabel}
        data-field="label"
        data={scan.labels}
        value={label}
        onChange={(chosen) => onType({ label: chosen })}
      />
      <Textarea
        label={texts.reading.comment}
        autosize
        minRows={1}
        maxLength={2000}
        value={comment}
        onChange={(event) => onType({ comment: event.currentTarget.value })}
      />
    </>
  );
}
