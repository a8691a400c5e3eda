import { Alert, Button, Group, List } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";

import { Problem } from "../api/problem";
import { texts } from "../texts";

interface Props {
  error: unknown;
  onRetry?: (() => void) | undefined;
}

/** What went wrong, to which field, and a way to try again. No sentence stands there twice. */
export function ProblemAlert({ error, onRetry }: Props) {
  const said = sentences(error);
  const [only, ...more] = said;
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
          {said.map((sentence) => (
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
