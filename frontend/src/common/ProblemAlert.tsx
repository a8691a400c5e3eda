import { Alert, Button, Group, List } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";

import { Problem } from "../api/problem";
import { texts } from "../texts";

interface Props {
  error: unknown;
  onRetry?: (() => void) | undefined;
}

/** What went wrong, in which field, and a button to try again. No sentence appears twice. */
export function ProblemAlert({ error, onRetry }: Props) {
  const all = sentences(error);
  const [only, ...more] = all;
  return (
    <Alert
      color="red"
      variant="light"
      icon={<IconAlertTriangle />}
      role="alert"
      title={more.length > 0 ? texts.problems.several : only}
    >
      {more.length > 0 && (
        <List size="sm">
          {all.map((sentence) => (
            <List.Item key={sentence}>{sentence}</List.Item>
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

/** With the name that a field has on the page. */
function sentences(error: unknown): string[] {
  if (!(error instanceof Problem)) {
    return [error instanceof Error ? error.message : texts.problems.unexpected(0)];
  }
  return error.sentences.map(({ field, text }) => {
    const name = texts.problems.fields[field] ?? field;
    return name ? `${name}: ${text}` : text;
  });
}
