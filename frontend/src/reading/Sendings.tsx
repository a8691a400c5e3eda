import { Button, Group, Stack, Text } from "@mantine/core";

import { useMay } from "../api/accounts";
import { useSendAgain, useSendings } from "../api/sendings";
import type { Scan, Sending } from "../api/types";
import { formatTime } from "../common/format";
import { ProblemAlert } from "../common/ProblemAlert";
import { texts } from "../texts";
import { Section } from "./Section";

const { sendings: words } = texts.reading;

interface Props {
  /** The scan, or what stands for the volume. */
  scan: Scan;
  /** Whether the model has answered, of a volume all of it. */
  isAnswered: boolean;
}

/** What of a scan went to a PACS or a health record; nothing where no destination is set for it. */
export function Sendings({ scan, isAnswered }: Props) {
  const exports = useMay("may_export");
  const seesPatients = useMay("may_see_patients");
  const sendings = useSendings(scan.id, isAnswered, exports && seesPatients);
  const again = useSendAgain(scan.id);
  const { data = [], refetch } = sendings;
  const error = sendings.data ? null : sendings.error;
  if (data.length === 0 && !error) return null;
  return (
    <Section title={words.title} testid="sendings">
      <Stack gap={6}>
        {data.map((sending) => (
          <div key={`${sending.destination} ${sending.what}`}>
            <Group justify="space-between" wrap="nowrap" gap="xs">
              <Text size="sm">
                {words.what[sending.what]}, {sending.destination}: {stateOf(sending)}
              </Text>
              <Button
                size="compact-xs"
                variant="default"
                flex="none"
                aria-label={words.againOf(words.what[sending.what], sending.destination)}
                loading={again.isPending}
                disabled={sending.status === "waiting"}
                onClick={() => again.mutate(sending)}
              >
                {words.again}
              </Button>
            </Group>
            {sending.reason && (
              <Text size="xs" c="dimmed">
                {sending.reason}
              </Text>
            )}
          </div>
        ))}
        {again.error && <ProblemAlert error={again.error} />}
        {error && <ProblemAlert error={error} onRetry={() => void refetch()} />}
      </Stack>
    </Section>
  );
}

function stateOf({ status, sent }: Sending): string {
  return status === "sent" && sent ? words.sent(formatTime(sent)) : words.status[status];
}
