import { Alert } from "@mantine/core";
import { IconAlertTriangle, IconClock } from "@tabler/icons-react";

import type { Scan } from "../api/types";
import { texts } from "../texts";

/** Why there is no answer of the model: it is still queued, or it failed. */
export function NoPrediction({ scan }: { scan: Scan }) {
  if (scan.status === "queued") {
    return (
      <Alert m="md" color="blue" icon={<IconClock />} title={texts.reading.queuedTitle} role="status">
        {texts.reading.queuedHelp}
      </Alert>
    );
  }
  return (
    <Alert m="md" color="red" icon={<IconAlertTriangle />} title={texts.reading.failedTitle}>
      {scan.failure?.message} {texts.reading.failedHelp}
    </Alert>
  );
}
