import { Alert, Button, Text } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";

import { useChangeScan } from "../api/scans";
import type { Scan } from "../api/types";
import { ProblemAlert } from "../common/ProblemAlert";
import { texts } from "../texts";

/** Warns while people and file name different eyes, and asks who may change it. Nothing while they agree. */
export function OtherEye({ scan }: { scan: Scan }) {
  const { id, eye, eye_in_file: inFile, may_change } = scan;
  const change = useChangeScan(id);
  if (!eye || !inFile || eye === inFile) return null;
  const words = texts.reading.otherEye;
  return (
    <Alert
      m="xs"
      p="xs"
      color="yellow"
      icon={<IconAlertTriangle aria-hidden />}
      title={words.title}
      role="alert"
      data-testid="other-eye"
    >
      <Text size="sm">{words.help(texts.common.eyes[eye], texts.common.eyes[inFile])}</Text>
      {may_change && (
        <Button
          size="compact-sm"
          variant="default"
          mt={6}
          loading={change.isPending}
          onClick={() => change.mutate({ eye: inFile })}
        >
          {words.change(texts.common.eyes[inFile])}
        </Button>
      )}
      {change.error && <ProblemAlert error={change.error} />}
    </Alert>
  );
}
