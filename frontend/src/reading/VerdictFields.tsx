import { Kbd, SegmentedControl, Select, Text, Textarea } from "@mantine/core";

import type { Scan, Verdict } from "../api/types";
import { submitByKey } from "../common/keys";
import { texts } from "../texts";
import { labelChoices, type Field } from "./verdictRequest";
import type { Typed } from "./OwnVerdict";

interface Props {
  scan: Scan;
  typed: Typed;
  /** What was missing when the verdict was to be given. */
  missing: Field | null;
  onChoose: (verdict: Verdict) => void;
  onType: (values: Partial<Typed>) => void;
}

/** The verdict on the model's answer. To disagree takes the right label and a reason; to agree with several labels, one. */
export function VerdictFields({ scan, typed, missing, onChoose, onType }: Props) {
  const { verdict, label, comment } = typed;
  const disagrees = verdict === "disagree";
  const choices = labelChoices(scan, verdict);
  return (
    <>
      <SegmentedControl
        fullWidth
        aria-label={texts.reading.verdict}
        onKeyDown={submitByKey}
        value={verdict ?? ""}
        onChange={(value) => onChoose(value as Verdict)}
        data={(["agree", "disagree", "unsure"] as const).map((value) => ({
          value,
          label: texts.reading[value],
        }))}
      />
      {choices.length > 0 && (
        <Select
          label={disagrees ? texts.reading.rightLabel : texts.reading.whichOfThem}
          placeholder={texts.reading.chooseLabel}
          data-field="label"
          data={choices}
          onKeyDown={submitByKey}
          value={label !== null && choices.includes(label) ? label : null}
          onChange={(chosen) => onType({ label: chosen })}
          error={missing === "label" && texts.reading.labelMissing}
          required
        />
      )}
      {(verdict || comment) && (
        <Textarea
          label={disagrees ? texts.reading.reason : texts.reading.comment}
          placeholder={disagrees ? texts.reading.reasonHelp : undefined}
          data-field="reason"
          autosize
          minRows={2}
          maxLength={2000}
          onKeyDown={submitByKey}
          value={comment}
          onChange={(event) => onType({ comment: event.currentTarget.value })}
          error={missing !== null && disagrees && comment.trim() === "" && texts.reading.reasonMissing}
          required={disagrees}
        />
      )}
    </>
  );
}

/** The keys that give the verdict. */
export function KeyHint() {
  return (
    <Text size="xs" c="dimmed" visibleFrom="sm">
      <Kbd size="xs">Enter</Kbd>, {texts.reading.inText} <Kbd size="xs">Ctrl+Enter</Kbd>
    </Text>
  );
}
