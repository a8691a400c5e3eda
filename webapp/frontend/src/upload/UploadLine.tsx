import { Button, Group, Paper, Progress, Text } from "@mantine/core";
import { IconAlertTriangle, IconCheck, IconClock, IconLoader } from "@tabler/icons-react";
import { Link } from "react-router";

import { useBlindReading } from "../common/blind";
import { formatProbability, formatShare } from "../common/format";
import { texts } from "../texts";
import { type Upload, useUploads } from "./UploadProvider";

/** One file on its way, and what became of it. */
export function UploadLine({ upload, onFollow }: { upload: Upload; onFollow: () => void }) {
  const { retry } = useUploads();
  const blind = useBlindReading();
  const { file, state, scan, problem, sent } = upload;
  const Icon = { waiting: IconClock, sending: IconLoader, done: IconCheck, refused: IconAlertTriangle }[
    state
  ];
  return (
    <Paper
      component="li"
      withBorder
      p="xs"
      radius="md"
      data-testid="upload"
      data-state={state}
      style={{ listStyle: "none" }}
    >
      <Group justify="space-between" wrap="nowrap" gap="xs">
        <Group gap="xs" wrap="nowrap" miw={0}>
          <Icon size={18} aria-hidden style={{ flexShrink: 0 }} />
          <Text size="sm" truncate>
            {file.name || texts.upload.pasted}
          </Text>
        </Group>
        {scan && (
          <Button
            component={Link}
            to={`/scans/${scan.id}`}
            size="compact-xs"
            variant="light"
            onClick={onFollow}
          >
            {texts.upload.look}
          </Button>
        )}
        {state === "refused" && problem?.passes && (
          <Button size="compact-xs" variant="light" onClick={() => retry(upload.key)}>
            {texts.common.tryAgain}
          </Button>
        )}
      </Group>
      {state === "sending" && (
        <Progress
          value={sent * 100}
          mt={6}
          animated={sent === 1}
          aria-label={texts.upload.sentOf(file.name)}
        />
      )}
      <Text
        size="xs"
        c={state === "refused" ? "var(--mantine-color-error)" : "dimmed"}
        mt={4}
        role={state === "refused" ? "alert" : undefined}
      >
        {saying(upload)}
      </Text>
    </Paper>
  );

  function saying({ state, scan, problem, sent }: Upload): string {
    if (state === "waiting") return texts.upload.waiting;
    if (state === "sending") return sent < 1 ? texts.upload.sending(formatShare(sent)) : texts.upload.reading;
    if (state === "refused") return problem?.sentences.map(({ text }) => text).join(" ") ?? "";
    if (!scan) return "";
    const said = scan.duplicate ? `${texts.upload.duplicate} ` : "";
    if (scan.status === "queued") return said + texts.upload.queued;
    if (scan.status === "failed") return said + (scan.failure?.message ?? "");
    // What came before the reader chose to read blind is hidden, too.
    if (scan.answer_hidden || blind) return said + texts.upload.hidden;
    const read = texts.upload.read(scan.prediction ?? "", formatProbability(scan.confidence ?? 0));
    return said + [read, texts.common.doubtful(scan.doubts)].filter(Boolean).join(". ");
  }
}
