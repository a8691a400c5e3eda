import { Button, Group, Select, Stack, Text, Textarea } from "@mantine/core";

import type { Scan } from "../api/types";
import { texts } from "../texts";
import type { Typed } from "./OwnVerdict";
import { givesByKey } from "./VerdictFields";

interface Props {
  scan: Scan;
  /** Whether the reader was shown nothing until now. */
  counts: boolean;
  busy: boolean;
  typed: Typed;
  onType: (values: Partial<Typed>) => void;
  onSubmit: () => void;
  onUnsure: () => void;
}

/** What the reader sees, asked before the model's answer is shown. */
export function BlindFields({ scan, counts, busy, typed, onType, onSubmit, onUnsure }: Props) {
  const { label, comment } = typed;
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
        <Group gap="xs">
          <Button type="submit" loading={busy} disabled={label === null}>
            {texts.reading.blindSubmit}
          </Button>
          <Button variant="default" data-field="unsure" disabled={busy} onClick={onUnsure}>
            {texts.reading.unsure}
          </Button>
          {busy && (
            <Text size="sm" role="status">
              {texts.reading.sending}
            </Text>
          )}
        </Group>
      </Stack>
    </form>
  );
}
