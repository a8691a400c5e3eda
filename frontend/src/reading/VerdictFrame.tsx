import { Button, Group, Stack, Text } from "@mantine/core";
import type { ReactNode } from "react";

import { texts } from "../texts";

interface Props {
  /** Label of the button that gives the verdict. */
  submitLabel: string;
  /** Whether enough is chosen for it to be pressed. */
  ready: boolean;
  busy: boolean;
  onSubmit: () => void;
  /** Further buttons. */
  other: ReactNode;
  /** Beside the buttons, unless it is being sent. */
  hint?: ReactNode;
  children: ReactNode;
}

/** The form around the fields of a verdict, with its buttons and its progress. */
export function VerdictFrame({ submitLabel, ready, busy, onSubmit, other, hint, children }: Props) {
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        onSubmit();
      }}
    >
      <Stack gap="sm">
        {children}
        <Group gap="xs">
          <Button type="submit" loading={busy} disabled={!ready}>
            {submitLabel}
          </Button>
          {other}
          {busy ? (
            <Text size="sm" role="status">
              {texts.reading.sending}
            </Text>
          ) : (
            hint
          )}
        </Group>
      </Stack>
    </form>
  );
}
