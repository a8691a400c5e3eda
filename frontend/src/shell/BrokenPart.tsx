import { Alert, Button, Stack, Text } from "@mantine/core";
import { useRouteError } from "react-router";

import { texts } from "../texts";

/** Replaces a part of the page that can't be shown, such as one whose code could not be loaded. The rest stays. */
export function BrokenPart() {
  const error = useRouteError();
  return (
    <Alert color="red" m="md" role="alert" title={texts.shell.brokenPart}>
      <Stack gap="xs" align="flex-start">
        <Text size="sm">{error instanceof Error ? error.message : String(error)}</Text>
        <Button size="compact-sm" variant="default" onClick={() => window.location.reload()}>
          {texts.common.tryAgain}
        </Button>
      </Stack>
    </Alert>
  );
}
