import { Alert, Button, Group, List } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";

import { Problem } from "../api/problem";
import { texts } from "../texts";

interface Props {
  error: unknown;
  onRetry?: (() => void) | undefined;
}

/** What went wrong, to which field, and a way to try again. */
export function ProblemAlert({ error, onRetry }: Props) {
  const message = error instanceof Error ? error.message : texts.problems.unexpected(0);
  const fields = error instanceof Problem ? Object.entries(error.fields) : [];
  return (
    <Alert color="red" variant="light" icon={<IconAlertTriangle />} role="alert" title={message}>
      {fields.length > 0 && (
        <List size="sm">
          {fields.map(([field, reasons]) => (
            <List.Item key={field}>
              <b>{field}</b>: {reasons.join(" ")}
            </List.Item>
          ))}
        </List>
      )}
      {onRetry && (
        <Group mt="xs">
          <Button size="compact-sm" variant="default" onClick={onRetry}>
            {texts.common.tryAgain}
          </Button>
        </Group>
      )}
    </Alert>
  );
}
