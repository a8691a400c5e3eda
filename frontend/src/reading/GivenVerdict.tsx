import { Alert, Badge, Button, Group, Text } from "@mantine/core";
import { IconCloudOff } from "@tabler/icons-react";

import type { Verdict } from "../api/types";
import { formatTime } from "../common/format";
import { texts } from "../texts";

interface Props {
  /** Undefined where it follows from the label, as in blind readings that wait. */
  verdict: Verdict | undefined;
  /** Empty where it follows from the verdict. */
  label: string;
  comment: string;
  blind?: boolean;
  /** Since when it waits in this browser, in ISO 8601. */
  waitsSince?: string;
  /** When it was sent, of one that had waited. */
  sentAt?: Date | null;
  onSend?: () => void;
  onChange: () => void;
}

/** The reader's own verdict: recorded, or kept in this browser until it can be sent. */
export function GivenVerdict({
  verdict,
  label,
  comment,
  blind = false,
  waitsSince,
  sentAt,
  onSend,
  onChange,
}: Props) {
  return (
    <div>
      <Group justify="space-between">
        <Text role="status">
          <b>{texts.reading.given[verdict ?? "named"]}</b>
          {label && texts.reading.asLabel(label)}
          {blind && (
            <Badge ml={8} variant="light" tt="none" c="var(--mantine-color-text)">
              {texts.reading.wasBlind}
            </Badge>
          )}
        </Text>
        <Button size="compact-sm" variant="default" onClick={onChange}>
          {texts.reading.change}
        </Button>
      </Group>
      {comment && (
        <Text size="sm" c="dimmed" mt={4}>
          {comment}
        </Text>
      )}
      {sentAt && (
        <Text size="sm" mt={4} role="status">
          {texts.reading.sentAt(formatTime(sentAt.toISOString()))}
        </Text>
      )}
      {waitsSince && (
        <Alert color="yellow" mt="sm" p="xs" icon={<IconCloudOff />} role="status">
          <Text size="sm">{texts.reading.waits(formatTime(waitsSince))}</Text>
          <Button size="compact-sm" variant="default" mt="xs" onClick={onSend}>
            {texts.drawing.sendNow}
          </Button>
        </Alert>
      )}
    </div>
  );
}
