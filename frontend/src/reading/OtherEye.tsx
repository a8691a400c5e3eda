import { Alert, Button, Text } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";

import { useChangeScan } from "../api/scans";
import type { Eye, Scan } from "../api/types";
import { ProblemAlert } from "../common/ProblemAlert";
import { texts } from "../texts";

/**
 * Warns while people and the file, or the en-face image, name different eyes, and asks who may change it. Nothing while
 * they agree.
 */
export function OtherEye({ scan, inPicture = "" }: { scan: Scan; inPicture?: Eye }) {
  const { id, eye, eye_in_file: inFile, may_change } = scan;
  const change = useChangeScan(id);
  const other = inFile && inFile !== eye ? inFile : inPicture;
  if (!eye || !other || eye === other) return null;
  const words = texts.reading.otherEye;
  const { eyes } = texts.common;
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
      {inFile && inFile !== eye && <Text size="sm">{words.help(eyes[eye], eyes[inFile])}</Text>}
      {inPicture && inPicture !== eye && <Text size="sm">{words.picture(eyes[eye], eyes[inPicture])}</Text>}
      {may_change && (
        <Button
          size="compact-sm"
          variant="default"
          mt={6}
          loading={change.isPending}
          onClick={() => change.mutate({ eye: other })}
        >
          {words.change(eyes[other])}
        </Button>
      )}
      {change.error && <ProblemAlert error={change.error} />}
    </Alert>
  );
}
