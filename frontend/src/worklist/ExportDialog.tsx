import { Button, Checkbox, Group, Modal, Radio, Stack, Text } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";

import { exportScans } from "../api/exports";
import type { ExportFormat } from "../api/types";
import { download } from "../common/download";
import { formatCount } from "../common/format";
import { ProblemAlert } from "../common/ProblemAlert";
import { texts } from "../texts";

interface Props {
  opened: boolean;
  onClose: () => void;
  /** Ids of the scans that were chosen. */
  chosen: string[];
  /** What the list is narrowed by, and how many scans that are. */
  query: string;
  count: number | undefined;
}

/** Hands out scans, de-identified, in the form that a researcher's tools read. */
export default function ExportDialog({ opened, onClose, chosen, query, count }: Props) {
  const [format, setFormat] = useState<ExportFormat>("csv");
  const [all, setAll] = useState(false);
  const [withText, setWithText] = useState(false);
  const everything = all || chosen.length === 0;
  const start = useMutation({
    mutationFn: async () => {
      const which = everything ? { query } : { scans: chosen };
      const { content, name } = await exportScans(format, { ...which, withText });
      download(content, name);
    },
    onSuccess: onClose,
  });
  return (
    <Modal opened={opened} onClose={onClose} title={texts.worklist.exportTitle} centered>
      <Stack>
        {chosen.length > 0 && (
          <Radio.Group
            label={texts.worklist.exportWhich}
            value={everything ? "all" : "chosen"}
            onChange={(value) => setAll(value === "all")}
          >
            <Stack gap="xs" mt={4}>
              <Radio value="chosen" label={texts.worklist.exportChosen(chosen.length)} />
              <Radio value="all" label={texts.worklist.exportAll(formatCount(count ?? 0))} />
            </Stack>
          </Radio.Group>
        )}
        <Radio.Group
          label={texts.worklist.exportFormat}
          value={format}
          onChange={(value) => setFormat(value as ExportFormat)}
        >
          <Stack gap="xs" mt={4}>
            {Object.entries(texts.worklist.formats).map(([value, label]) => (
              <Radio key={value} value={value} label={label} />
            ))}
          </Stack>
        </Radio.Group>
        {format !== "csv" && (
          <Checkbox
            label={texts.worklist.exportWithText}
            description={texts.worklist.exportWithTextHelp}
            checked={withText}
            onChange={(event) => setWithText(event.currentTarget.checked)}
          />
        )}
        <Text size="sm" c="dimmed">
          {texts.worklist.exportHelp}
        </Text>
        {start.isPending && (
          <Text size="sm" role="status">
            {texts.worklist.exporting}
          </Text>
        )}
        {start.error && <ProblemAlert error={start.error} />}
        <Group>
          <Button loading={start.isPending} onClick={() => start.mutate()}>
            {texts.worklist.exportStart}
          </Button>
          <Button variant="default" onClick={onClose}>
            {texts.common.cancel}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
