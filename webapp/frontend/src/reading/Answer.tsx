import { Alert, Group, Loader, Stack, Text, Tooltip, UnstyledButton } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconFlame } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";

import { json } from "../api/client";
import type { Scan } from "../api/types";
import { formatProbability } from "../common/format";
import { texts } from "../texts";
import classes from "./Answer.module.css";
import { Section } from "./Section";

/** The model's label, how sure it is, and every other label's probability; each of them leads to its heat map. */
export function Answer({ scan, mayAsk }: { scan: Scan; mayAsk: boolean }) {
  const queries = useQueryClient();
  const ask = useMutation({
    mutationFn: (label: string) =>
      json<Scan>(`scans/${scan.id}/predictions/`, {
        method: "POST",
        body: { label, ...(scan.model ? { version: scan.model.version } : {}) },
      }),
    onSuccess: (changed) => queries.setQueryData(["scan", scan.id], changed),
    onError: (error, label) =>
      notifications.show({ color: "red", title: texts.reading.heatFailed(label), message: error.message }),
  });
  const sorted = Object.entries(scan.probabilities).sort(([, first], [, second]) => second - first);
  return (
    <Section title={texts.reading.answer} testid="answer">
      <Group align="baseline" gap="sm">
        <Text className={classes.label} data-testid="label">
          {scan.prediction}
        </Text>
        <Tooltip label={texts.reading.confidenceHelp} multiline maw={260}>
          <Text size="sm" tabIndex={0}>
            {texts.reading.confidence(formatProbability(scan.confidence ?? 0))}
          </Text>
        </Tooltip>
      </Group>
      {scan.doubts.length > 0 && (
        <Alert color="yellow" mt="xs" p="xs" title={texts.reading.doubtful} data-testid="doubts">
          {scan.doubts.join(" ")} {texts.reading.doubtfulHelp}
        </Alert>
      )}
      <Text size="xs" c="dimmed" mt={6} mb={2}>
        {texts.reading.probabilities}
      </Text>
      <Stack gap={1}>
        {sorted.map(([label, probability]) => {
          const shown = label === scan.heatmap_label;
          const busy = ask.isPending && ask.variables === label;
          return (
            <UnstyledButton
              key={label}
              className={classes.bar}
              aria-pressed={shown}
              title={texts.reading.heatOf(label)}
              disabled={!mayAsk || ask.isPending}
              onClick={() => !shown && ask.mutate(label)}
            >
              <span className={classes.name}>
                {label}
                {shown && <IconFlame size={14} role="img" aria-label={texts.reading.heatShown} />}
                {busy && <Loader size={12} />}
              </span>
              <span className={classes.track} aria-hidden>
                <span className={classes.fill} style={{ width: `${100 * probability}%` }} />
              </span>
              <span className={classes.share}>{formatProbability(probability)}</span>
              <span className="visually-hidden">{texts.reading.heatOf(label)}</span>
            </UnstyledButton>
          );
        })}
      </Stack>
      {scan.caveats.length > 0 && (
        <Alert color="yellow" mt="sm" p="xs" title={texts.reading.caveats} data-testid="caveats">
          {scan.caveats.map((caveat) => (
            <div key={caveat}>{caveat}</div>
          ))}
        </Alert>
      )}
      <Text size="xs" c="dimmed" mt="sm">
        {scan.model && `${texts.reading.model(scan.model.name, scan.model.version)} · `}
        {texts.common.research}
      </Text>
    </Section>
  );
}
