import { Select, Text, Textarea } from "@mantine/core";

import type { Scan } from "../api/types";
import { submitByKey } from "../common/keys";
import { texts } from "../texts";
import type { Typed } from "./OwnVerdict";

interface Props {
  scan: Scan;
  /** Why a label is asked for. */
  help: string;
  typed: Typed;
  onType: (values: Partial<Typed>) => void;
}

/** Asks for the label that the reader sees, where no answer is shown yet or there is none. */
export function LabelFields({ scan, help, typed: { label, comment }, onType }: Props) {
  return (
    <>
      <Text size="sm">{help}</Text>
      <Select
        label={texts.reading.blindLabel}
        placeholder={texts.reading.chooseLabel}
        data-field="label"
        data={scan.labels}
        onKeyDown={submitByKey}
        value={label}
        onChange={(chosen) => onType({ label: chosen })}
      />
      <Textarea
        label={texts.reading.comment}
        autosize
        minRows={1}
        maxLength={2000}
        onKeyDown={submitByKey}
        value={comment}
        onChange={(event) => onType({ comment: event.currentTarget.value })}
      />
    </>
  );
}
