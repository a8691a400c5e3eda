import { Button, CloseButton, Group, Paper, Progress, Text } from "@mantine/core";
import { IconAlertTriangle, IconCheck, IconClock, IconLoader, IconPencil } from "@tabler/icons-react";
import { Link } from "react-router";

import { useBlindReading } from "../api/accounts";
import { useModalities } from "../api/options";
import { oneLine, namesLabel, why } from "../common/answer";
import { formatShare } from "../common/format";
import { useTexts } from "../common/useTexts";
import { ScanIdentity } from "../common/ScanIdentity";
import { texts } from "../texts";
import { AskedFields } from "./AskedFields";
import { AskedModality } from "./AskedModality";
import { DetailFields } from "./DetailFields";
import { Differences } from "./Differences";
import { useUploads } from "./useUploads";
import { asked, askedInWords, asksModality, canBeCorrected, undecided, type Upload } from "./uploads";

/** One file: its details, its progress and its result. */
export function UploadLine({ upload, onFollow }: { upload: Upload; onFollow: () => void }) {
  const { correct, decide, describe, remove, retry } = useUploads();
  const blind = useBlindReading();
  const { file, state, scan, problem, sent } = upload;
  const Icon = {
    open: IconPencil,
    waiting: IconClock,
    sending: IconLoader,
    done: IconCheck,
    refused: IconAlertTriangle,
  }[state];
  const name = file.name || texts.upload.pasted;
  const differences = undecided(upload);
  const asksFor = asksModality(upload);
  const modalities = useModalities();
  const words = useTexts(scan?.modality ?? upload.details.modality).upload;
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
          <Text size="sm" lineClamp={2} style={{ overflowWrap: "anywhere" }}>
            {name}
          </Text>
        </Group>
        {scan && (
          <Button
            component={Link}
            to={`/scans/${scan.id}`}
            size="compact-xs"
            variant="light"
            flex="none"
            onClick={onFollow}
          >
            {texts.upload.look}
          </Button>
        )}
        {state === "open" && (
          <CloseButton size="sm" aria-label={texts.upload.remove(name)} onClick={() => remove(upload.key)} />
        )}
        {state === "refused" && !asksFor && canBeCorrected(upload) && (
          <Button size="compact-xs" variant="light" flex="none" onClick={() => correct(upload.key)}>
            {texts.upload.correct}
          </Button>
        )}
        {state === "refused" && problem?.isTemporary && (
          <Button size="compact-xs" variant="light" flex="none" onClick={() => retry(upload.key)}>
            {texts.common.tryAgain}
          </Button>
        )}
      </Group>
      {state === "open" && (
        <AskedFields
          file={name}
          names={asked(upload)}
          details={upload.details}
          onChange={(values) => describe([upload.key], values)}
        />
      )}
      {state === "open" && (
        <DetailFields
          file={name}
          details={upload.details}
          onChange={(values) => describe([upload.key], values)}
        />
      )}
      {state !== "open" && (
        <ScanIdentity scan={scan ?? { ...upload.details, timestamp: null }} size="xs" mt={4} />
      )}
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
        c={problem ? "var(--mantine-color-error)" : "dimmed"}
        mt={4}
        role={state === "refused" ? "alert" : undefined}
      >
        {statusOf(upload)}
      </Text>
      {asksFor && <AskedModality upload={upload} file={name} />}
      {scan && differences.length > 0 && (
        <Differences
          scan={scan}
          differences={differences}
          onDecided={(changed) => decide(upload.key, changed)}
        />
      )}
    </Paper>
  );

  function statusOf({ state, scan, problem, sent }: Upload): string {
    if (state === "waiting") return texts.upload.waiting;
    if (state === "sending") return sent < 1 ? texts.upload.sending(formatShare(sent)) : texts.upload.reading;
    if (asksFor) return askedInWords(upload, modalities);
    if (state === "refused" || state === "open") {
      return problem?.sentences.map(({ text }) => text).join(" ") ?? "";
    }
    if (!scan) return "";
    // Where something differs, the notice below says so already.
    const prefix = scan.duplicate && differences.length === 0 ? `${texts.upload.duplicate} ` : "";
    if (scan.status === "queued") return prefix + texts.upload.queued;
    if (scan.status === "failed") return prefix + (scan.failure?.message ?? "");
    // What came before the reader chose to read blind is hidden, too.
    if (scan.answer_hidden || blind) return prefix + texts.upload.hidden;
    // The scan of a known file may have been read by people.
    const final = scan.final_reading;
    if (final) return prefix + texts.upload.finallyRead(texts.common.labels(final.labels));
    // An answer with one label needs no reason; other answers say what is to be done.
    const more = [namesLabel(scan) ? "" : why(scan), texts.common.doubtful(scan.doubts)].filter(Boolean);
    const volume = scan.volume && words.volume(scan.volume.count);
    return prefix + [volume, texts.upload.read(oneLine(scan)), more.join(" ")].filter(Boolean).join(". ");
  }
}
