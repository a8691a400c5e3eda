import { Button, Group, Kbd, SegmentedControl, Select, Stack, Text, Textarea } from "@mantine/core";
import type { KeyboardEvent } from "react";

import type { Scan, Verdict } from "../api/types";
import { texts } from "../texts";
import type { Field } from "./bodies";
import type { Typed } from "./OwnVerdict";

interface Props {
  scan: Scan;
  busy: boolean;
  typed: Typed;
  /** What was missing when the verdict was to be given. */
  missing: Field | null;
  onChoose: (verdict: Verdict) => void;
  onType: (values: Partial<Typed>) => void;
  onSubmit: () => void;
  onCancel: (() => void) | null;
}

/** The verdict on the model's label; to disagree takes the right one and a reason. */
export function VerdictFields({ scan, busy, typed, missing, onChoose, onType, onSubmit, onCancel }: Props) {
  const { verdict, label, comment } = typed;
  const disagrees = verdict === "disagree";
  return (
    <form
      noValidate
      onKeyDown={givesByKey}
      onSubmit={(event) => {
        event.preventDefault();
        onSubmit();
      }}
    >
      <Stack gap="sm">
        <SegmentedControl
          fullWidth
          aria-label={texts.reading.verdict}
          value={verdict ?? ""}
          onChange={(value) => onChoose(value as Verdict)}
          data={(["agree", "disagree", "unsure"] as const).map((value) => ({
            value,
            label: texts.reading[value],
          }))}
        />
        {disagrees && (
          <Select
            label={texts.reading.rightLabel}
            placeholder={texts.reading.chooseLabel}
            data-field="label"
            data={scan.labels.filter((name) => name !== scan.prediction)}
            value={label}
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
            value={comment}
            onChange={(event) => onType({ comment: event.currentTarget.value })}
            error={missing !== null && disagrees && comment.trim() === "" && texts.reading.reasonMissing}
            required={disagrees}
          />
        )}
        <Group gap="xs">
          <Button type="submit" loading={busy} disabled={verdict === null}>
            {texts.reading.submit}
          </Button>
          {onCancel && (
            <Button variant="default" disabled={busy} onClick={onCancel}>
              {texts.common.cancel}
            </Button>
          )}
          {busy ? (
            <Text size="sm" role="status">
              {texts.reading.sending}
            </Text>
          ) : (
            verdict && <KeyHint />
          )}
        </Group>
      </Stack>
    </form>
  );
}

/** Enter is a new line in a text and chooses in a list; with Ctrl or the command key it gives the verdict there, too. */
export function givesByKey(event: KeyboardEvent<HTMLFormElement>): void {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  event.currentTarget.requestSubmit();
}

function KeyHint() {
  return (
    <Text size="xs" c="dimmed" visibleFrom="sm">
      <Kbd size="xs">Enter</Kbd>, {texts.reading.inText} <Kbd size="xs">Ctrl+Enter</Kbd>
    </Text>
  );
}
